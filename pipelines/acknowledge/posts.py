"""Posts: receipts for programs, posted to the webhooks of a feed or a sender.

Each is written down before its file is done, and sent afterwards: a receiver that is away holds up
no file. It is sent at least once, always with the same `webhook-id`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from pipelines.acknowledge.addressee import addressee
from pipelines.acknowledge.receipt import json_of
from pipelines.runtime import Runtime, WebhookSender, Work
from schemas.address import address_of
from schemas.errors import LeaseLostError, WaybillError
from schemas.file import File, Outcome
from schemas.receipt import Receipt
from schemas.receipt_link import link_of
from schemas.reply import reply_id_of
from schemas.webhook import (
    PostState,
    Webhook,
    WebhookPost,
    headers_of,
    post_id_of,
    secrets_of,
)

log = logging.getLogger(__name__)

_AT_ONCE = 100
_LEASE_SECONDS = 120.0
"""More than a post can take."""
_WAITS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
"""Seconds before the next try, after each; the last goes on."""
_PATIENCE = timedelta(days=3)


def planned_posts(runtime: Runtime, file: File, receipt: Receipt) -> list[Work]:
    """Write down what is to be posted about a file; the work that posts it. Nothing is, where
    nobody is told anew. Safe to repeat."""
    if runtime.webhooks is None or file.quiet or file.outcome is Outcome.UNCHANGED:
        return []
    address = address_of(addressee(file) or "")
    webhooks = runtime.ledger.webhooks.told_of(file.feed, address.key if address else None)
    posts = [
        WebhookPost(
            post_id=post_id_of(reply_id_of(file), each.webhook_id),
            webhook_id=each.webhook_id,
            file_id=file.file_id,
            feed=file.feed,
            receipt=receipt,
            planned_at=runtime.now(),
        )
        for each in webhooks
    ]
    runtime.ledger.posts.plan(posts)
    return [Work("post", file.feed)] if posts else []


def post(runtime: Runtime, feed_name: str) -> list[Work]:
    """Post what is due of a feed. What is not taken is sent again after a growing pause, for three
    days; an address that answers 410 gets nothing more."""
    if runtime.webhooks is None:
        return []
    for _ in range(_AT_ONCE):
        claimed = runtime.ledger.posts.claim(feed_name, runtime.new_lease(), _LEASE_SECONDS)
        if claimed is None:
            return []
        try:
            _post(runtime, runtime.webhooks, claimed)
        except LeaseLostError:
            log.warning("post %s: another worker has taken it over", claimed.post_id)
    return [Work("post", feed_name)]


def sent(
    sender: WebhookSender, webhook: Webhook, message_id: str, body: bytes, now: datetime
) -> int:
    """Post one body to a webhook, signed; the status of the answer. Raises as the client does."""
    headers = headers_of(secrets_of(sender.secret, webhook, now), message_id, now, body)
    return sender.client.post(webhook.url, body, {"Content-Type": "application/json", **headers})


def body_of(kind: str, moment: datetime, data: Any) -> bytes:
    """What is posted, as JSON."""
    facts = {"type": kind, "timestamp": moment.isoformat(), "data": data}
    return json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")


def _post(runtime: Runtime, sender: WebhookSender, claimed: WebhookPost) -> None:
    posts = runtime.ledger.posts
    try:
        webhook = runtime.ledger.webhooks.get(claimed.webhook_id)
    except KeyError:
        posts.close(claimed, PostState.GIVEN_UP, "the webhook was removed")
        return
    if webhook.disabled_at is not None:
        posts.close(claimed, PostState.GIVEN_UP, "the webhook is disabled")
        return
    body = body_of("receipt", claimed.planned_at, _receipt_in(runtime, claimed))
    is_away = False
    try:
        status = sent(sender, webhook, f"msg_{claimed.post_id}", body, runtime.now())
    except WaybillError as error:
        note, is_away = error.message, True
    else:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            posts.close(claimed, PostState.SENT, f"answered {status}")
            return
        if status == HTTPStatus.GONE:
            why = "its server answered 410 (gone)"
            if runtime.ledger.webhooks.disable(webhook.webhook_id, why, webhook.url):
                log.warning("webhook %s answers 410: disabled", webhook.webhook_id)
            else:  # It has another address by now, for which this post is.
                posts.again(claimed, runtime.now(), why)
            return
        note, is_away = f"its server answered {status}", status == HTTPStatus.TOO_MANY_REQUESTS
    _again(runtime, claimed, note, is_away)


def _again(runtime: Runtime, claimed: WebhookPost, note: str, is_away: bool) -> None:
    """Let a post that was not taken be sent later, or give it up; while the server `is_away` all
    others wait, too."""
    posts, now = runtime.ledger.posts, runtime.now()
    wait = _WAITS[min(claimed.tries, len(_WAITS)) - 1]
    at = now + timedelta(seconds=wait)
    if at - claimed.planned_at > _PATIENCE and claimed.tries > 1:
        log.error("post %s to webhook %s given up: %s", claimed.post_id, claimed.webhook_id, note)
        posts.close(claimed, PostState.GIVEN_UP, note)
        return
    log.warning("post %s: %s; again in %d s", claimed.post_id, note, wait)
    posts.again(claimed, at, note)
    if is_away:
        posts.delay(claimed.webhook_id, at)


def _receipt_in(runtime: Runtime, claimed: WebhookPost) -> Any:
    """The receipt as its JSON has it, with the link, which is not kept with it."""
    receipt = claimed.receipt
    kept = runtime.ledger.receipt_links.of(claimed.file_id)
    link = link_of(runtime.links, kept) if runtime.links is not None and kept is not None else None
    if link is not None:
        receipt = replace(receipt, link=link.url, link_until=link.until)
    return json.loads(json_of(receipt))
