"""Answers: what a sender was told about a file, and its rejected rows, as somebody may see them."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from pipelines.acknowledge.answer import answer_about
from pipelines.operations.masking import Mask
from pipelines.rejects.csv_file import cells_of
from pipelines.rejects.escape import harmless
from pipelines.rejects.table import Rejects
from pipelines.runtime import Runtime
from pipelines.stored_files import stored_rejects
from schemas.dialect import Dialect
from schemas.errors import ConflictError, NotFoundError
from schemas.file import File, Outcome
from schemas.receipt import Receipt
from schemas.reject import Problem, RejectedRow

_GONE = "its rejected rows are not kept any more"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRow:
    """A rejected row as somebody may see it: its line, its cells by the header's names, and what is
    wrong with it."""

    number: int
    line: int
    member: str | None
    cells: dict[str, str]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class RejectedPage:
    """Some rejected rows, and the number to go on after; None at the end."""

    rows: tuple[ShownRow, ...]
    further: int | None


def rejected_page(
    runtime: Runtime,
    file: File,
    mask: Mask,
    *,
    rule: str | None = None,
    column: str | None = None,
    after: int = 0,
    limit: int = 50,
) -> RejectedPage:
    """The rejected rows of a file after the first so many, which break that rule, in that column.

    Raises NotFoundError once they are not kept any more.
    """
    if file.rejects_key is None:
        return RejectedPage((), None)
    with _rejects(runtime, file) as (rejects, dialect):
        wanted = (
            (number, row)
            for number, row in enumerate(rejects.rows, 1)
            if number > after and _breaks(row, rule, column)
        )
        found = list(islice(wanted, limit + 1))
        shown = tuple(_shown(number, row, rejects, dialect, mask) for number, row in found[:limit])
    return RejectedPage(shown, shown[-1].number if len(found) > limit else None)


def receipt_of(runtime: Runtime, file: File, mask: Mask, language: str | None = None) -> Receipt:
    """The receipt of a file as its sender got it, or will get it; in another language, if one is
    asked for.

    Raises ConflictError while nothing is known of it yet, NotFoundError once its rejected rows are
    not kept any more.
    """
    if file.outcome is None:
        raise ConflictError(
            f"{file.item.name} is {file.status}: it has no receipt yet", hint="ask again later"
        )
    if file.feed not in runtime.feeds:
        raise NotFoundError(f"the feed {file.feed} is not there any more")
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="receipt-") as folder:
        with ExitStack() as stack:
            try:
                answer = answer_about(runtime, file, Path(folder), stack, language=language)
            except FileNotFoundError:
                raise NotFoundError(_GONE) from None
    return mask.receipt(answer.receipt, file)


@contextmanager
def rejects_csv(runtime: Runtime, file: File, mask: Mask) -> Iterator[Path]:
    """The file of rejected rows, for as long as the block lasts: as its sender gets it, or with
    hidden cells and without `_file`, so that nobody sends dots as a correction.

    Raises NotFoundError for a file that has none.
    """
    if file.rejects_key is None or file.feed not in runtime.feeds:
        raise NotFoundError(f"{file.item.name} has no rejected rows")
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="rejects-") as folder:
        path = Path(folder) / "rejected.csv"
        if mask.hides:
            _write_masked(runtime, file, mask, path)
        else:
            with ExitStack() as stack:
                try:
                    answer = answer_about(runtime, file, Path(folder), stack)
                except FileNotFoundError:
                    raise NotFoundError(_GONE) from None
            path = answer.documents[-1].path
        yield path


def raw_file(runtime: Runtime, file: File, mask: Mask) -> AbstractContextManager[BinaryIO]:
    """The bytes that were sent. Raises NotFoundError once they are not kept any more, and
    ConflictError for who may not see all of their values."""
    if mask.hides:
        raise ConflictError(
            f"{file.item.name} holds values that are not public",
            hint="a steward's key may read it",
        )
    if file.landing_key is None or not runtime.storage.exists(file.landing_key):
        raise NotFoundError(f"the raw bytes of {file.item.name} are not kept")
    return runtime.storage.open(file.landing_key)


def has_rejects(file: File) -> bool:
    """Whether rows of it were rejected, and which ones is known."""
    return file.rejects_key is not None and file.outcome in (Outcome.PARTLY, Outcome.QUARANTINED)


def _write_masked(runtime: Runtime, file: File, mask: Mask, path: Path) -> None:
    with _rejects(runtime, file) as (rejects, dialect):
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            header = [name for name in rejects.header if name not in ("_line", "_error", "_file")]
            writer.writerow(map(harmless, [*header, "_line", "_error"]))
            for number, row in enumerate(rejects.rows, 1):
                shown = _shown(number, row, rejects, dialect, mask)
                where = f"{shown.member}:{shown.line}" if shown.member else str(shown.line)
                reasons = "; ".join(_reason(each) for each in shown.problems)
                cells = [shown.cells[name] for name in header]
                writer.writerow(map(harmless, [*cells, where, reasons]))


@contextmanager
def _rejects(runtime: Runtime, file: File) -> Iterator[tuple[Rejects, Dialect]]:
    feed = runtime.feeds.get(file.feed)
    if feed is None or file.rejects_key is None:
        raise NotFoundError(_GONE)
    try:
        with stored_rejects(runtime, file) as rejects:
            yield rejects, runtime.contract_of(feed).dialect
    except FileNotFoundError:
        raise NotFoundError(_GONE) from None


def _breaks(row: RejectedRow, rule: str | None, column: str | None) -> bool:
    return any(
        (rule is None or each.rule == rule) and column in (None, each.column, each.header)
        for each in row.problems
    )


def _shown(
    number: int, row: RejectedRow, rejects: Rejects, dialect: Dialect, mask: Mask
) -> ShownRow:
    is_correction = any(name in rejects.header for name in ("_line", "_file"))
    cells = cells_of(row, rejects, dialect, is_correction)
    return ShownRow(
        number=number,
        line=row.line,
        member=row.member,
        cells=mask.cells(row, rejects.header, cells),
        problems=mask.problems(row),
    )


def _reason(problem: Problem) -> str:
    return f"{problem.label}: {problem.message}" if problem.label else problem.message
