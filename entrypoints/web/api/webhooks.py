"""Webhooks: to which addresses receipts are posted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import Field

from entrypoints.web.api.caller import Admin, Caller
from entrypoints.web.api.fields import Body, Model, Text
from entrypoints.web.api.problems import NOT_FOUND, responses
from pipelines.operations.webhooks import (
    NewSecret,
    WebhookView,
    list_webhooks,
    remove_webhook,
    rotate_webhook,
    set_webhook,
    try_webhook,
    webhook_named,
)
from schemas.webhook import PostState, Webhook, WebhookScope

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

_WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["0a1b2c3d4e5f"])]
_CHANGED = responses(404, 409, 422)


class WebhookBody(Body):
    """An address for the receipts of a feed, or to a sender."""

    scope: WebhookScope
    subject: Annotated[str, Field(min_length=1, max_length=320, examples=["orders"])]
    url: Annotated[str, Field(max_length=2000, examples=["https://erp.example.com/waybill"])]


class RotateBody(Body):
    """For how many hours what is posted is signed with the old secret, too."""

    hours: Annotated[int, Field(ge=0, le=24 * 30)] = 72


class WebhookModel(Model):
    """A webhook; its secret is not shown."""

    webhook_id: str
    scope: WebhookScope
    subject: Text
    url: Text
    version: int
    created_at: datetime
    created_by: Text
    previous_until: datetime | None
    disabled_at: datetime | None
    disabled_why: Text | None


class WebhookStateModel(WebhookModel):
    """A webhook, how many receipts wait for it, and what became of the last one."""

    waiting: int
    last_state: PostState | None
    last_note: Text | None
    last_at: datetime | None

    @classmethod
    def of(cls, view: WebhookView) -> Self:
        """A webhook with how it does."""
        last = view.last
        return cls(
            **WebhookModel.model_validate(view.webhook).model_dump(),
            waiting=view.waiting,
            last_state=last.state if last else None,
            last_note=last.note if last else None,
            last_at=last.closed_at if last else None,
        )


class WebhooksModel(Model):
    """All webhooks."""

    items: tuple[WebhookStateModel, ...]


class NewSecretModel(Model):
    """A webhook and its newest secret, shown this once; null where it has it already."""

    webhook: WebhookModel
    secret: str | None

    @classmethod
    def of(cls, made: NewSecret) -> Self:
        """A webhook as it is shown to who has set it."""
        return cls(webhook=WebhookModel.model_validate(made.webhook), secret=made.secret)


class TriedModel(Model):
    """What a webhook's server has answered."""

    status: int


@router.get("", responses=responses())
def get_webhooks(caller: Admin) -> WebhooksModel:
    """Webhooks of the key's feeds; those of senders only for a key for every feed."""
    seen = [each for each in list_webhooks(caller.runtime) if _sees(caller, each.webhook)]
    return WebhooksModel(items=tuple(map(WebhookStateModel.of, seen)))


@router.put("", responses=_CHANGED)
def put_webhook(caller: Admin, body: WebhookBody) -> NewSecretModel:
    """Set the address for a feed or a sender. The secret is shown when it is new; should it be
    lost, rotate it."""
    if not caller.sees(body.subject if body.scope is WebhookScope.FEED else None):
        raise NOT_FOUND
    return NewSecretModel.of(set_webhook(caller.runtime, body.scope, body.subject, body.url))


@router.post("/{webhook_id}/rotate", responses=_CHANGED)
def post_rotation(caller: Admin, webhook_id: _WebhookId, body: RotateBody) -> NewSecretModel:
    """Give it a new secret; for some hours what is posted is signed with both."""
    _seen(caller, webhook_id)
    return NewSecretModel.of(rotate_webhook(caller.runtime, webhook_id, body.hours))


@router.post("/{webhook_id}/test", responses=_CHANGED)
def post_trial(caller: Admin, webhook_id: _WebhookId) -> TriedModel:
    """Post a message of the type `test`, and say what its server answers."""
    _seen(caller, webhook_id)
    return TriedModel(status=try_webhook(caller.runtime, webhook_id))


@router.delete("/{webhook_id}", status_code=204, responses=responses(404, 422))
def delete_webhook(caller: Admin, webhook_id: _WebhookId) -> Response:
    """Post nothing more to it; what waits is given up."""
    _seen(caller, webhook_id)
    remove_webhook(caller.runtime, webhook_id)
    return Response(status_code=204)


def _seen(caller: Caller, webhook_id: str) -> None:
    if not _sees(caller, webhook_named(caller.runtime, webhook_id)):
        raise NOT_FOUND


def _sees(caller: Caller, webhook: Webhook) -> bool:
    return caller.sees(webhook.subject if webhook.scope is WebhookScope.FEED else None)
