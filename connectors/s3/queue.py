"""The queue that tells what arrives in a bucket (SQS, long-polled)."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from connectors.s3.client import S3Config, session
from connectors.s3.event_messages import objects_in
from connectors.s3.events_config import EventsConfig
from schemas.errors import AccessDeniedError, AwayError, ConfigError, DataError
from schemas.item import Hint

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

_AT_ONCE = 10
"""SQS gives and removes no more messages at a time."""
_DENIED = ("AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken")


class EventQueue:
    """What one listener hears. A message is removed once all that it tells is heeded; one that is
    not understood is left to the queue's dead-letter queue."""

    def __init__(self, config: S3Config, events: EventsConfig) -> None:
        self._config, self._events = config, events
        self._open: dict[str, set[Hint]] = {}

    def news(self, stop: threading.Event) -> Iterator[Sequence[Hint] | None]:
        """None at first, for what came while nobody listened; then what each question brings,
        which may be nothing. May raise a WaybillError, and goes on when it is asked again."""
        return _News(self, stop)

    def heard(self) -> Sequence[Hint]:
        """Wait some seconds for messages; what they tell of the bucket."""
        with _translating(self._events.queue_url):
            reply = self._client.receive_message(
                QueueUrl=self._events.queue_url,
                MaxNumberOfMessages=_AT_ONCE,
                WaitTimeSeconds=self._events.wait_seconds,
                VisibilityTimeout=self._events.hidden_seconds,
            )
        # What was not heeded of earlier ones comes again, under another handle.
        self._open.clear()
        done: list[str] = []
        for message in reply.get("Messages", []):
            mark, body = message["ReceiptHandle"], message["Body"]
            try:
                hints = self._hints(body, mark)
            except DataError as error:
                log.warning(
                    "a message of %s is left to its dead-letter queue: %s",
                    self._events.queue_url, error.message[:200],
                )  # fmt: skip
                continue
            if hints:
                self._open[mark] = hints
            else:
                done.append(mark)
        self._remove(done)
        return [hint for hints in self._open.values() for hint in hints]

    def _hints(self, body: str, mark: str) -> set[Hint]:
        told = objects_in(body)
        for each in told:
            if each.bucket != self._config.bucket:
                raise DataError(f"it tells of another bucket, {each.bucket!r:.80}")
        prefix = self._config.prefix
        return {Hint(each.key, each.version, mark) for each in told if each.key.startswith(prefix)}

    def heed(self, hints: Sequence[Hint]) -> None:
        """Remove the messages of which nothing is left."""
        for hint in hints:
            self._open.get(hint.mark, set()).discard(hint)
        done = [mark for mark, left in self._open.items() if not left]
        self._remove(done)
        for mark in done:
            del self._open[mark]

    def _remove(self, marks: Sequence[str]) -> None:
        for some in batched(marks, _AT_ONCE, strict=False):
            entries = [{"Id": str(index), "ReceiptHandle": mark} for index, mark in enumerate(some)]
            with _translating(self._events.queue_url):
                # One that is not removed comes again, and is known then.
                self._client.delete_message_batch(
                    QueueUrl=self._events.queue_url,
                    Entries=entries,  # type: ignore[arg-type]
                )

    def check(self) -> str:
        """Ask for the queue, and say whether bad messages have a place to go."""
        with _translating(self._events.queue_url):
            found = self._client.get_queue_attributes(
                QueueUrl=self._events.queue_url, AttributeNames=["RedrivePolicy"]
            )
        policy = json.loads(found.get("Attributes", {}).get("RedrivePolicy", "{}"))
        name = self._events.queue_url.rpartition("/")[2]
        if not policy:
            return f"told by queue {name}, which has no dead-letter queue"
        return f"told by queue {name}"

    @cached_property
    def _client(self) -> SQSClient:
        events = self._events
        return session(self._config).client(
            "sqs",
            region_name=events.named_region or self._config.region,
            endpoint_url=events.endpoint,
            config=Config(
                connect_timeout=10,
                read_timeout=events.wait_seconds + 20,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )


class _News(Iterator["Sequence[Hint] | None"]):
    """An iterator that goes on after what it raises, which a generator does not."""

    def __init__(self, queue: EventQueue, stop: threading.Event) -> None:
        self._queue, self._stop = queue, stop
        self._is_first = True

    def __next__(self) -> Sequence[Hint] | None:
        if self._stop.is_set():
            raise StopIteration
        if self._is_first:
            log.info("%s", self._queue.check())
            self._is_first = False
            return None
        return self._queue.heard()


@contextmanager
def _translating(queue_url: str) -> Iterator[None]:
    """Turn boto3's exceptions into ours."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if "NonExistentQueue" in code or "QueueDoesNotExist" in code:
            raise ConfigError(
                f"there is no queue {queue_url}", hint="create it, or correct `queue_url`"
            ) from error
        if code.startswith(_DENIED):
            raise AccessDeniedError(
                f"queue {queue_url} refuses us: {code} in {error.operation_name}",
                hint="allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes",
            ) from error
        raise AwayError(f"queue {queue_url}: {error}") from error
    except NoCredentialsError as error:
        raise AccessDeniedError(f"queue {queue_url}: there are no credentials") from error
    except NoRegionError as error:
        raise ConfigError(f"queue {queue_url}: {error}", hint="set events: region") from error
    except (BotoCoreError, OSError) as error:
        raise AwayError(f"queue {queue_url} does not answer: {error}") from error
