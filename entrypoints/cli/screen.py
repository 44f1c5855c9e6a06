"""What commands print: tables that fit 80 columns, progress bars, and JSON for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from pipelines.operations.first_rows import FirstCell, FirstRow
from pipelines.runtime import Runtime
from schemas.accounted import Accounted
from schemas.file import Event, File, Status
from schemas.language import printable
from schemas.reject import RejectedRow

_LEAST_COLUMNS, _LONGEST_CELL = 40, 60
_COLOURS = {
    "accepted": "green",
    "partly": "yellow",
    "quarantined": "red",
    "failed": "bold red",
    "held": "magenta",
    "repeated": "dim",
    "superseded": "dim",
    "unchanged": "dim",
    "unloaded": "dim",
}


def console() -> Console:
    """The terminal; without colour and as wide as COLUMNS says (80) when output goes elsewhere."""
    width = None if sys.stdout.isatty() else _columns()
    return Console(width=width, highlight=False)


def _columns() -> int:
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) >= _LEAST_COLUMNS else 80


def progress() -> Progress:
    """A progress bar on stderr that disappears when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:40}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def show(table: Table, data: object, as_json: bool) -> None:
    """Print the table, or the data behind it as JSON."""
    if as_json:
        print_json(data)
    else:
        console().print(table)


def print_json(data: object) -> None:
    """Print records (dataclasses, lists of them, plain values) as JSON."""
    print(json.dumps(_plain(data), default=str, ensure_ascii=False, indent=2))


def _plain(data: object) -> Any:
    if is_dataclass(data) and not isinstance(data, type):
        return asdict(data)
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_plain(each) for each in data]
    return data


def plain_table(*headers: str, numbers: Sequence[str] = ()) -> Table:
    """An empty table in the house style; the columns named in `numbers` are right-aligned."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        right = header in numbers
        table.add_column(
            header, justify="right" if right else "left", no_wrap=right, overflow="ellipsis"
        )
    return table


def file_table(files: Sequence[File], runtime: Runtime | None = None) -> Table:
    """Files, newest first: what each is, where it is, and its rows."""
    table = plain_table(
        "FILE", "NAME", "FEED", "BECAME", "READ", "LOADED", "REJECTED",
        numbers=("READ", "LOADED", "REJECTED"),
    )  # fmt: skip
    for file in files:
        table.add_row(
            file.file_id[:8],
            escape(printable(file.item.name)),
            file.feed,
            became(file),
            f"{file.counts.read:,}",
            "0" if file.status is Status.UNLOADED else f"{file.counts.loaded:,}",
            f"{file.counts.rejected:,}",
        )
    return table


def became(file: File) -> str:
    """What became of a file, in one coloured word."""
    word = str(file.status)
    if file.status in (Status.LOADED, Status.ACKNOWLEDGING, Status.DONE) and file.outcome:
        word = "superseded" if file.superseded_by else str(file.outcome)
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word


def fact_table(file: File) -> Table:
    """What is known of one file, a fact a line; a long one goes on below its own beginning."""
    counts = file.counts
    loaded = "taken out again" if file.status is Status.UNLOADED else "loaded"
    facts = {
        "file": f"{file.file_id}, feed {file.feed}, source {file.source}",
        "key": file.item.key,
        "sender": file.item.sender,
        "sent": f"{when(file.item.sent_at)}   done {when(file.done_at)}",
        "raw": file.landing_key and f"in storage, {file.landing_key.rpartition('/')[0]}/…",
        "sha256": file.sha256,
        "rows": f"{counts.read:,} read = {counts.loaded:,} {loaded}"
        f" + {counts.rejected:,} rejected + {counts.dropped:,} left out",
        "lines": lines_of(file.accounted),
        "others": file.accounted and ", ".join(file.accounted.others),
        "batch": file.batch_id,
        "repeats": file.repeats,
        "corrects": file.corrects,
        "corrected": f"{file.rows_corrected:,} of its rows" if file.rows_corrected else None,
        "reason": file.reason,
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            table.add_row(f"  {name}", escape(printable(fact)))
    return table


def lines_of(accounted: Accounted | None) -> str:
    """What became of a file's lines, as a sum: `320 = 1 header + 317 rows + 2 total`."""
    if accounted is None or not accounted.lines:
        return ""
    parts = [f"{accounted.header:,} header", f"{accounted.rows:,} rows"]
    parts += [f"{count:,} {name.replace('_', ' ')}" for name, count in accounted.reasons().items()]
    if accounted.unread:
        parts.append(f"{accounted.unread:,} never read")
    more = " + an unknown number never read" if accounted.unread is None else ""
    return f"{accounted.lines:,} in the file = {' + '.join(parts)}{more}"


def event_table(events: Sequence[Event]) -> Table:
    """A file's timeline."""
    table = plain_table("WHEN (UTC)", "STEP", "", "TOOK", "ROWS", numbers=("TOOK", "ROWS"))
    table.add_column("", overflow="fold", ratio=1)
    for event in events:
        table.add_row(
            event.at.strftime("%m-%d %H:%M:%S"),
            event.step,
            event.outcome,
            f"{event.seconds:.2f} s" if event.seconds is not None else "",
            f"{event.rows:,}" if event.rows is not None else "",
            escape(printable(event.message or "")),
        )
    return table


def first_table(rows: Sequence[FirstRow]) -> Table:
    """The first rows of a file, a column a line: what stands in the file and, where reading has
    made something else of it, what is loaded."""
    table = plain_table("COLUMN")
    for row in rows:
        table.add_column(f"LINE {row.line:,}", overflow="fold", ratio=1)
    for cells in zip(*(row.cells for row in rows), strict=True):
        table.add_row(escape(cells[0].column), *map(_first_cell, cells))
    return table


def _first_cell(cell: FirstCell) -> str:
    raw = escape(printable(cell.raw)[:_LONGEST_CELL])
    if cell.is_bad:
        return f"{raw} [red]→ rejected[/]"
    if not cell.is_changed:
        return raw
    loaded = "NULL" if cell.loaded is None else escape(printable(cell.loaded)[:_LONGEST_CELL])
    return f"{raw} [yellow]→[/] {loaded}"


def reject_table(rows: Sequence[RejectedRow]) -> Table:
    """Rejected rows, a line for each problem."""
    table = plain_table("LINE", "COLUMN", "RULE", numbers=("LINE",))
    table.add_column("WHAT IS WRONG", overflow="fold", ratio=1)
    for row in rows:
        for problem in row.problems:
            table.add_row(
                escape(printable(f"{row.member}: {row.line:,}")) if row.member else f"{row.line:,}",
                escape(printable(problem.label or "whole row")),
                escape(problem.rule),
                escape(printable(problem.message)),
            )
    return table


def when(moment: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "–"
