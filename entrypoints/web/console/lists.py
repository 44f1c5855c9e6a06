"""Lists: what a page was asked for, and its rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from itertools import batched, chain

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse

from entrypoints.web.marks import mark_of
from pipelines.rejects.escape import harmless
from schemas.errors import ConflictError
from schemas.language import printable

PAGE = 50
CSV_ROWS = 100_000
"""So many rows a download has at most."""
_MAX = 200
_ROWS_AT_ONCE = 500


def query_of(request: HttpRequest, *names: str) -> dict[str, str]:
    """What the address asks for by those names, and its `cursor`, without what is empty."""
    # No database keeps a NUL in a text.
    asked = {name: str(request.GET.get(name, "")).replace("\0", "") for name in names}
    wanted = {name: text[:_MAX].strip() for name, text in asked.items()}
    wanted["cursor"] = str(request.GET.get("cursor", ""))
    return {name: value for name, value in wanted.items() if value}


def mark_in(query: dict[str, str]) -> list[str] | None:
    """The mark of the page that is asked for; raises ConflictError for none of ours."""
    try:
        return mark_of(query.get("cursor"))
    except ValueError:
        raise ConflictError("the address names no page of this list", hint=None) from None


def later_than[Each](
    found: Sequence[Each], query: dict[str, str], limit: int, key: Callable[[Each], str]
) -> tuple[Sequence[Each], str | None]:
    """A page of a list that is at hand whole: what stands after the one whose key is the cursor,
    and the key to go on from. From the beginning where that one is no longer in the list."""
    keys = [key(each) for each in found]
    cursor = query.get("cursor")
    start = keys.index(cursor) + 1 if cursor in keys else 0
    page = found[start : start + limit]
    further = keys[start + limit - 1] if len(found) > start + limit else None
    return page, further


def csv_answer(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A CSV to keep, which is sent as its rows are found. Whatever a spreadsheet would take for a
    formula is made harmless. What finding the first rows raises is raised here."""
    pieces = _pieces(header, rows)
    first = next(pieces)
    # Its language is the request's, which is over once the answer is being sent.
    context = copy_context()

    async def chunks() -> AsyncIterator[str]:
        yield first
        while piece := await sync_to_async(context.run)(next, pieces, ""):
            yield piece

    answer = StreamingHttpResponse(chunks(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _pieces(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    safe = ([harmless(printable(_text(each))) for each in row] for row in rows)
    for some in batched(chain([header], safe), _ROWS_AT_ONCE, strict=False):
        out = io.StringIO()
        csv.writer(out).writerows(some)
        yield out.getvalue()


def _text(value: object) -> str:
    return "" if value is None else str(value)
