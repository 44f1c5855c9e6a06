"""A webhook: an address to which receipts are posted, signed as Standard Webhooks has it.

Secrets are not kept: each is derived from the server's own, the webhook's id and a version, which
rises when it is rotated.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.receipt import Receipt

_PURPOSE = "waybill webhook 1"


class WebhookScope(StrEnum):
    """Whose receipts are posted: those of a feed, or those to a sender."""

    FEED = "feed"
    SENDER = "sender"


class PostState(StrEnum):
    """Where a post is: it waits to be sent (again), was taken, or was given up."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """An address that an admin has set. `subject` is a feed's name or a sender's address; the
    secret of the version before is good until `previous_until`."""

    webhook_id: str
    scope: WebhookScope
    subject: str
    url: str
    version: int
    created_at: datetime
    created_by: str
    previous_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_why: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPost:
    """One receipt that goes to one webhook. Every repeat has the same `post_id`."""

    post_id: str
    webhook_id: str
    file_id: str
    feed: str
    receipt: Receipt
    planned_at: datetime
    state: PostState = PostState.WAITING
    tries: int = 0
    next_at: datetime | None = None
    owner: str | None = None
    closed_at: datetime | None = None
    note: str | None = None


def post_id_of(reply_id: str, webhook_id: str) -> str:
    """24 hex digits that depend only on the webhook and on what is told: one load of one file."""
    return hashlib.sha256(f"{reply_id}.{webhook_id}".encode()).hexdigest()[:24]


def secrets_of(server_secret: bytes, webhook: Webhook, now: datetime) -> tuple[bytes, ...]:
    """The secrets that are good now, the newest first."""
    versions = [webhook.version]
    if webhook.version > 1 and webhook.previous_until is not None and webhook.previous_until > now:
        versions.append(webhook.version - 1)
    return tuple(_derived(server_secret, webhook.webhook_id, each) for each in versions)


def written(secret: bytes) -> str:
    """A secret as a receiver is given it: `whsec_…`."""
    return f"whsec_{_text(secret)}"


def headers_of(
    secrets: Sequence[bytes], message_id: str, moment: datetime, body: bytes
) -> dict[str, str]:
    """The headers by which a receiver knows that a body is ours, and new."""
    seconds = str(int(moment.timestamp()))
    signed = b".".join((message_id.encode("ascii"), seconds.encode("ascii"), body))
    macs = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_text(mac)}" for mac in macs),
    }


def _derived(server_secret: bytes, webhook_id: str, version: int) -> bytes:
    text = f"{_PURPOSE}\n{webhook_id}\n{version}"
    return hmac.digest(server_secret, text.encode("ascii"), hashlib.sha256)


def _text(binary: bytes) -> str:
    return base64.b64encode(binary).decode("ascii")
