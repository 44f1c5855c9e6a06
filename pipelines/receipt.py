"""Receipts: what became of a file, as records, as text, and as the rows to mend."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipelines.cast import OUR_COLUMNS
from pipelines.parse import split
from pipelines.stage import dialect_for_exports, read_rejects
from schemas.dialect import Dialect
from schemas.file import File, Outcome
from schemas.receipt import Answer, Document, Receipt, RuleSummary
from schemas.reject import Problem, RejectedRow

if TYPE_CHECKING:
    import jinja2

_HEADLINES = {
    Outcome.ACCEPTED: "accepted, all rows are loaded",
    Outcome.PARTLY: "partly loaded, some rows were rejected",
    Outcome.QUARANTINED: "rejected, nothing was loaded",
    Outcome.REPEATED: "received before, nothing to do",
    Outcome.SUPERSEDED: "superseded by a newer version, nothing was loaded",
}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def receipt_of(
    file: File, table: str, rules: tuple[RuleSummary, ...], loaded_at: datetime
) -> Receipt:
    """The receipt of a file whose outcome is known."""
    assert file.outcome is not None
    return Receipt(
        file_id=file.file_id,
        feed=file.feed,
        table=table,
        name=file.item.name,
        key=file.item.key,
        outcome=file.outcome,
        counts=file.counts,
        sent_at=file.item.sent_at,
        loaded_at=loaded_at,
        batch_id=file.batch_id,
        reason=file.reason,
        repeats=file.repeats,
        rules=rules,
    )


def answer_of(
    file: File,
    table: str,
    loaded_at: datetime,
    rejects: BinaryIO | None,
    dialect: Dialect,
    folder: Path,
    examples: int,
    last_of_group: bool,
) -> Answer:
    """The answer to a file's sender, its documents written into `folder`.

    `rejects` is the file's rejects Parquet, if it has any; it is read row batch by row batch.
    """
    documents = []
    # Beside the drop stands the receipt of the newest version; an older one's has its own name.
    own = f".{file.file_id[:8]}" if file.superseded_by else ""
    summary = _Summary(examples)
    if rejects is not None:
        path = folder / "rejected.csv"
        _write_rejects(rejects, path, dialect, summary)
        documents.append(Document(suffix=f"{own}.rejected.csv", content_type="text/csv", path=path))
    receipt = receipt_of(file, table, summary.rules(), loaded_at)
    text = _template().render(receipt=receipt, headline=_HEADLINES[receipt.outcome])
    (folder / "receipt.txt").write_text(text, encoding="utf-8")
    (folder / "receipt.json").write_text(
        json.dumps(asdict(receipt), default=str, ensure_ascii=False, indent=2) + "\n",
        encoding="utf-8",
    )
    documents[:0] = [
        Document(
            suffix=f"{own}.receipt.json",
            content_type="application/json",
            path=folder / "receipt.json",
        ),
        Document(
            suffix=f"{own}.receipt.txt",
            content_type="text/plain; charset=utf-8",
            path=folder / "receipt.txt",
        ),
    ]
    return Answer(
        receipt=receipt, text=text, documents=tuple(documents), last_of_group=last_of_group
    )


class _Summary:
    """Counts broken rules and keeps the first examples of each."""

    def __init__(self, examples: int) -> None:
        self._most = examples
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._examples: dict[tuple[str, str | None], list[Problem]] = defaultdict(list)

    def add(self, row: RejectedRow) -> None:
        for problem in row.problems:
            group = (problem.rule, problem.column)
            self._counts[group] += 1
            if len(self._examples[group]) < self._most:
                self._examples[group].append(problem)

    def rules(self) -> tuple[RuleSummary, ...]:
        """The rules, the most broken first."""
        return tuple(
            RuleSummary(
                rule=rule, column=column, count=count, examples=tuple(self._examples[rule, column])
            )
            for (rule, column), count in self._counts.most_common()
        )


def _write_rejects(rejects: BinaryIO, path: Path, dialect: Dialect, summary: _Summary) -> None:
    """The rejected rows in the file's own columns, with the line and the reasons added."""
    kept = read_rejects(rejects)
    export = dialect_for_exports(dialect)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=export.delimiter, quotechar=export.quote)
        header = [name for name in kept.header if name not in OUR_COLUMNS]
        writer.writerow([*header, *OUR_COLUMNS])
        for row in _summed(kept.rows, summary):
            cells = split(row.raw, dialect)
            cells = (cells + [""] * len(header))[: len(header)]
            reasons = "; ".join(
                f"{each.column}: {each.message}" if each.column else each.message
                for each in row.problems
            )
            writer.writerow([*map(harmless, cells), row.line, harmless(reasons)])


def _summed(rows: Iterator[RejectedRow], summary: _Summary) -> Iterator[RejectedRow]:
    for row in rows:
        summary.add(row)
        yield row


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before anything a spreadsheet would run as a formula.

    Numbers keep their sign. See https://owasp.org/www-community/attacks/CSV_Injection
    """
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell


@cache
def _template() -> jinja2.Template:
    import jinja2

    loader: Any = jinja2.PackageLoader("pipelines")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=False,  # noqa: S701 - plain text
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("receipt.txt.j2")
