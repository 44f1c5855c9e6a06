"""Dead letters: what lies in a queue and is no task of ours is put aside, and ends no worker.

Celery takes from Redis whatever lies there. What is no JSON, or not in its form, raises inside its
event loop, and the worker ends; the next one takes the next such message.
"""

from __future__ import annotations

import base64
import json
import logging
from datetime import UTC, datetime
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

log = logging.getLogger(__name__)

KEY = "dead-letters"
_MAX, _SHOWN = 1000, 4096


def put_bad_messages_aside() -> None:
    """Let connections to Redis that are made from now on put aside what is no task of ours."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"


class Channel(redis.Channel):
    """Kombu's channel, which survives what is no JSON."""

    def _brpop_read(self, **options: Any) -> Any:
        client, taken = self.client, []
        parse = client.parse_response

        def remembering(*given: Any, **more: Any) -> Any:
            taken.append(parse(*given, **more))
            return taken[-1]

        client.parse_response = remembering
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (ValueError, RecursionError) as error:
            if not taken or not taken[-1]:
                raise
            queue, message = taken[-1]
            self.hold_file(_text(queue), message, f"it is no JSON: {error}")
            raise Empty from None
        finally:
            del client.parse_response

    def hold_file(self, queue: str, message: object, why: str) -> None:
        """Keep a message of a queue with the reason; of many the latest thousand."""
        shown = _text(message)[:_SHOWN]
        log.error("a message in the queue %s is put aside, %s: %.200r", queue, why, shown)
        letter = {"queue": queue, "at": datetime.now(UTC).isoformat(), "why": why, "text": shown}
        try:
            with self.conn_or_acquire() as client:
                client.lpush(KEY, json.dumps(letter))
                client.ltrim(KEY, 0, _MAX - 1)
        except Exception as error:
            # A worker that may not keep it must not end for it.
            log.warning("it could not be kept in %s: %s", KEY, error)


class Transport(redis.Transport):
    """Kombu's transport over Redis, whose messages are looked at before they are delivered."""

    Channel = Channel

    def _deliver(self, message: Any, queue: Any) -> None:
        why = fault_of(message)
        if why is None:
            super()._deliver(message, queue)
            return
        for channel in self.channels or ():
            if isinstance(channel, Channel):
                channel.hold_file(queue, json.dumps(message), why)
                return


def fault_of(message: Any) -> str | None:
    """Why a message is no task of ours; None if it is one."""
    try:
        properties, headers = message["properties"], message["headers"]
        if not isinstance(properties["delivery_tag"], str) or not isinstance(headers["id"], str):
            return "it has no tag or id"
        if not {"exchange", "routing_key"} <= properties["delivery_info"].keys():
            return "it does not say where it was sent"
        if not str(headers["task"]).startswith("waybill."):
            return "it is no task of Waybill's"
        if message["content-type"] != "application/json" or message["content-encoding"] != "utf-8":
            return "it is not JSON in UTF-8"
        body = message["body"]
        if properties.get("body_encoding") == "base64":
            body = base64.b64decode(body, validate=True)
        given, named, _ = json.loads(body)
        if not isinstance(given, list) or len(given) > 1 or named != {}:
            return "its arguments are not a name"
        if not all(isinstance(each, str) for each in given):
            return "its arguments are not a name"
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"it is not in Celery's form: {type(error).__name__} {error}"
    return None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
