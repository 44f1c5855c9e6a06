"""Templates: what the senders of a feed fill in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from entrypoints.web.api.caller import Caller, Viewer
from entrypoints.web.api.etags import etag_of, say_etag
from entrypoints.web.api.fields import FeedName
from entrypoints.web.api.problems import responses
from pipelines.operations.template import template_of

router = APIRouter(prefix="/feeds", tags=["feeds"])

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Language = Annotated[
    str | None,
    Query(
        description="Of the rules; the feed's own unless it is named.",
        max_length=10,
        examples=["es"],
    ),
]
WithExample = Annotated[bool, Query(description="Whether its rows hold the example.")]


@router.get(
    "/{feed}/template.csv",
    response_class=Response,
    responses=responses(404, 409, 422, media_type="text/csv"),
)
def get_template_csv(
    caller: Viewer, request: Request, feed: FeedName, example: WithExample = True
) -> Response:
    """A text to fill in, as the feed's files are: the agreed header, and a made-up example that the
    contract takes. 409 where the feed's files are no texts."""
    return _answer(caller, request, feed, "csv", None, example)


@router.get(
    "/{feed}/template.xlsx",
    response_class=Response,
    responses=responses(404, 409, 422, media_type=_WORKBOOK),
)
def get_template_xlsx(
    caller: Viewer,
    request: Request,
    feed: FeedName,
    language: Language = None,
    example: WithExample = True,
) -> Response:
    """A workbook to fill in, with drop-downs, and the rules in words in a sheet of their own. 409
    where the feed's files can be none."""
    return _answer(caller, request, feed, "xlsx", language, example)


@router.get(
    "/{feed}/template.txt",
    response_class=Response,
    responses=responses(404, 409, 422, media_type="text/plain"),
)
def get_template_rules(
    caller: Viewer, request: Request, feed: FeedName, language: Language = None
) -> Response:
    """The rules of the feed's contract in words, for those who fill in its files."""
    return _answer(caller, request, feed, "txt", language, True)


def _answer(
    caller: Caller, request: Request, feed: str, form: str, language: str | None, example: bool
) -> Response:
    made = template_of(caller.runtime, caller.feed(feed), form, language, has_example=example)
    disposition = f'attachment; filename="{made.name}"'
    answer = Response(
        made.content,
        media_type=made.content_type,
        headers={"Content-Disposition": disposition},
    )
    say_etag(request, answer, etag_of(made.content))
    return answer
