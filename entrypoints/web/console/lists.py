"""Lists: what a page was asked for, and its rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from django.http import HttpRequest, HttpResponse

from entrypoints.web.marks import mark_of
from pipelines.rejects.escape import harmless
from schemas.errors import ConflictError
from schemas.language import printable

PAGE = 50
CSV_ROWS = 10_000
"""So many rows a download has at most."""
_MAX = 200


def query_of(request: HttpRequest, *names: str) -> dict[str, str]:
    """What the address asks for by those names, and its `cursor`, without what is empty."""
    wanted = {name: str(request.GET.get(name, ""))[:_MAX].strip() for name in names}
    wanted["cursor"] = str(request.GET.get("cursor", ""))
    return {name: value for name, value in wanted.items() if value}


def mark_in(query: dict[str, str]) -> list[str] | None:
    """The mark of the page that is asked for; raises ConflictError for none of ours."""
    try:
        return mark_of(query.get("cursor"))
    except ValueError:
        raise ConflictError("the address names no page of this list", hint=None) from None


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A CSV to keep. Whatever a spreadsheet would take for a formula is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(printable(_text(each))) for each in row])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _text(value: object) -> str:
    return "" if value is None else str(value)
