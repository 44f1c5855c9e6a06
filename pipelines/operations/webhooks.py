"""Webhooks: set, listed, tried, and removed; their secrets are shown once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from pipelines.acknowledge.posts import body_of, sent
from pipelines.operations.acts import acting, acting_outside
from pipelines.operations.feeds import feed_named
from pipelines.runtime import Runtime, WebhookSender
from schemas.address import address_of
from schemas.errors import ConfigError, ConflictError, NotFoundError
from schemas.webhook import Webhook, WebhookPost, WebhookScope, secrets_of, written

_LONGEST_URL = 2000
_LIST = "`waybill webhooks list` lists them"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook and its newest secret, which is shown this once; None if it has it already."""

    webhook: Webhook
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook, how many receipts wait for it, and the last that was sent or given up in the last
    week."""

    webhook: Webhook
    waiting: int
    last: WebhookPost | None


def set_webhook(runtime: Runtime, scope: WebhookScope, subject: str, url: str) -> NewSecret:
    """Let receipts of a feed, or to a sender, be posted to an address. One that there is gets the
    new address, keeps its secret, and is no longer disabled.

    Raises ConflictError for an address or sender that cannot be, NotFoundError for a feed that is
    not there, RetryableError for a host that is not found now.
    """
    sender = _sender(runtime)
    if scope is WebhookScope.FEED:
        subject = feed_named(runtime, subject).name
    else:
        address = address_of(subject)
        if address is None:
            raise ConflictError(f'"{subject}" is not an address', hint="write ana@acorn.example")
        subject = address.key
    if len(url) > _LONGEST_URL:
        raise ConflictError("the address is too long", hint=f"at most {_LONGEST_URL} characters")
    sender.client.check(url)
    now = runtime.now()
    known = {(each.scope, each.subject): each for each in runtime.ledger.webhooks.all()}
    before = known.get((scope, subject))
    wanted = Webhook(
        webhook_id=before.webhook_id if before is not None else secrets.token_hex(6),
        scope=scope,
        subject=subject,
        url=url,
        version=1,
        created_at=now,
        created_by=runtime.actor.who,
    )
    feed = subject if scope is WebhookScope.FEED else None
    with acting(runtime, "set_webhook", "webhook", wanted.webhook_id, feed) as told:
        webhook = runtime.ledger.webhooks.put(wanted)
        told.before = {"host": _host(before.url)} if before is not None else {}
        told.after = {"scope": scope, "subject": subject, "host": _host(url)}
    secret = written(secrets_of(sender.secret, webhook, now)[0])
    return NewSecret(webhook, None if before is not None else secret)


def rotate_webhook(runtime: Runtime, webhook_id: str, hours: int = 72) -> NewSecret:
    """Give a webhook a new secret; for some hours what is posted is signed with both. Raises
    NotFoundError."""
    sender, now = _sender(runtime), runtime.now()
    with acting(
        runtime, "rotate_webhook", "webhook", webhook_id, _feed(runtime, webhook_id)
    ) as told:
        webhook = runtime.ledger.webhooks.rotate(webhook_id, now + timedelta(hours=hours))
        told.after = {"version": webhook.version, "hours": hours}
    return NewSecret(webhook, written(secrets_of(sender.secret, webhook, now)[0]))


def list_webhooks(runtime: Runtime) -> Sequence[WebhookView]:
    """All webhooks, with how they do."""
    since = runtime.now() - timedelta(days=7)
    posts = runtime.ledger.posts
    return [
        WebhookView(each, posts.waiting(each.webhook_id), posts.last_closed(each.webhook_id, since))
        for each in runtime.ledger.webhooks.all()
    ]


def webhook_named(runtime: Runtime, webhook_id: str) -> Webhook:
    """The webhook of that id. Raises NotFoundError."""
    try:
        return runtime.ledger.webhooks.get(webhook_id)
    except KeyError:
        raise NotFoundError(f"there is no webhook {webhook_id}", hint=_LIST) from None


def remove_webhook(runtime: Runtime, webhook_id: str) -> Webhook:
    """Post nothing more to an address; what waits is given up. Set anew it has another secret.
    Raises NotFoundError."""
    feed = _feed(runtime, webhook_id)
    with acting(runtime, "remove_webhook", "webhook", webhook_id, feed) as told:
        removed = runtime.ledger.webhooks.remove(webhook_id)
        told.before = {
            "scope": removed.scope,
            "subject": removed.subject,
            "host": _host(removed.url),
        }
    return removed


def try_webhook(runtime: Runtime, webhook_id: str) -> int:
    """Post a message of the type `test` now; the status of the answer. Raises NotFoundError, and
    RetryableError, ConfigError or ConflictError where nothing answers or may be asked."""
    sender, webhook = _sender(runtime), webhook_named(runtime, webhook_id)
    now = runtime.now()
    body = body_of("test", now, {"webhook_id": webhook_id})
    feed = _feed(runtime, webhook_id)
    with acting_outside(runtime, "test_webhook", "webhook", webhook_id, feed) as told:
        status = sent(sender, webhook, f"msg_test_{secrets.token_hex(8)}", body, now)
        told.after = {"status": status}
    return status


def _sender(runtime: Runtime) -> WebhookSender:
    if runtime.webhooks is None:
        raise ConfigError(
            "webhooks need webhooks.secret", hint="set it in config.yaml: `openssl rand -hex 32`"
        )
    return runtime.webhooks


def _feed(runtime: Runtime, webhook_id: str) -> str | None:
    webhook = webhook_named(runtime, webhook_id)
    return webhook.subject if webhook.scope is WebhookScope.FEED else None


def _host(url: str) -> str:
    """The part of an address that is no secret."""

    return urlsplit(url).hostname or ""
