"""Trusted senders: addresses that somebody trusts for a feed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Steward, Viewer
from entrypoints.web.api.fields import Body, Cursor, FeedName, FeedQuery, Limit, Model, Text, Word
from entrypoints.web.api.paging import cursor_of, link_next, mark_of
from entrypoints.web.api.problems import ProblemError, responses
from pipelines.operations.trusted_senders import (
    asked_proof,
    distrust_sender,
    list_trusted,
    trust_sender,
)
from pipelines.runtime import Runtime
from schemas.trust import TrustedSender

router = APIRouter(tags=["what waits"])

_MAX_ADDRESS = 320


class TrustBody(Body):
    """One plain address."""

    address: Annotated[
        str, Field(min_length=3, max_length=_MAX_ADDRESS, examples=["ana@b.example"])
    ]


class TrustedSenderModel(Model):
    """An address whose files a feed takes, as long as what the feed requires speaks for it."""

    address: Text
    feed: str
    trusted_at: datetime
    trusted_by: Text
    require: Annotated[
        tuple[str, ...],
        Field(
            description="What the feed requires to speak for the address, now. Empty: nothing, and"
            " whoever writes the address into a mail is let in.",
            examples=[["dkim"]],
        ),
    ]


class TrustedSendersModel(Model):
    """A page of trusted senders, by address."""

    items: tuple[TrustedSenderModel, ...]
    next: str | None


@router.get("/trusted-senders", responses=responses(404, 422))
def get_trusted_senders(
    caller: Viewer,
    request: Request,
    response: Response,
    feed: FeedQuery = None,
    contains: Word = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TrustedSendersModel:
    """Whom somebody trusts, besides the senders that the feeds name themselves."""
    feeds = caller.only_feeds if feed is None else [caller.feed(feed)]
    mark = mark_of(cursor)
    if mark is not None and len(mark) != 2:
        raise ProblemError(422, "that is no cursor of this list", "take the one of the page before")
    after = (mark[0], mark[1]) if mark else None
    found = list_trusted(caller.runtime, contains, feeds, after, limit + 1)
    page, last = found[:limit], found[limit - 1 : limit]
    further = cursor_of([last[0].sender, last[0].feed]) if len(found) > limit else None
    items = tuple(_shown(caller.runtime, each) for each in page)
    return TrustedSendersModel(items=items, next=link_next(request, response, further))


@router.post("/feeds/{feed}/trusted-senders", responses=responses(404, 409, 422))
def post_trusted_sender(caller: Steward, feed: FeedName, body: TrustBody) -> TrustedSenderModel:
    """Trust an address for the feed from now on; safe to repeat. What is held stays so."""
    found = trust_sender(caller.runtime, caller.feed(feed), body.address)
    return _shown(caller.runtime, found)


@router.delete("/feeds/{feed}/trusted-senders", status_code=204, responses=responses(404, 409, 422))
def delete_trusted_sender(
    caller: Steward,
    feed: FeedName,
    address: Annotated[str, Query(min_length=3, max_length=_MAX_ADDRESS)],
) -> None:
    """Trust an address for the feed no more; safe to repeat. What was let in stays so."""
    distrust_sender(caller.runtime, caller.feed(feed), address)


def _shown(runtime: Runtime, trusted: TrustedSender) -> TrustedSenderModel:
    return TrustedSenderModel(
        address=trusted.address,
        feed=trusted.feed,
        trusted_at=trusted.trusted_at,
        trusted_by=trusted.trusted_by,
        require=asked_proof(runtime, trusted.feed),
    )
