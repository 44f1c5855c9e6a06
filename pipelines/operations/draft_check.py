"""Checking a draft: its rows under the very rules by which a correction is staged, loading nothing.

What is checked is the file that would be submitted, so nothing is judged otherwise later but what
other files bring meanwhile.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from connectors.failpoints import crash_point
from pipelines.operations.draft_file import write_draft
from pipelines.operations.drafts import cells_by_line, changed
from pipelines.operations.open_rows import refuse_draft
from pipelines.prepare.corrected import correction_terms
from pipelines.prepare.stage_file import Staged, stage_file
from pipelines.rejects.correction import rejected_lines
from pipelines.rejects.table import read_rejects
from pipelines.runtime import Runtime
from pipelines.stored_files import corrected_lines, stored_rejects
from pipelines.validate import rules
from pipelines.validate.unique_keys import keys_of
from schemas.arrow import LINE
from schemas.batch import WriteMode
from schemas.contract import LINEAGE, Contract
from schemas.draft import Draft, Line
from schemas.errors import ConflictError, DataError
from schemas.file import File
from schemas.reject import RejectedRow

_ROWS = 2_000
"""Of how many rows a check says what is wrong with each, or how it would be loaded."""
_VALUE = 200

LOADS, WRONG, LEFT_OUT = "loads", "wrong", "left_out"
"""What would become of a row: the feed's transform may leave out what is right."""


@dataclass(frozen=True, slots=True)
class _Found:
    staged: Staged | None
    refusal: str | None
    places: Mapping[int, int]


def check_draft(runtime: Runtime, draft: Draft, tick: Callable[[], None]) -> dict[str, int]:
    """Check a draft and keep what was found with it; how many of its rows would load, and how many
    are still wrong. Raises ConflictError if it has changed meanwhile, or its file takes no
    corrections any more."""
    file = next(iter(runtime.ledger.files.many([draft.file_id])), None)
    if file is None:
        raise ConflictError("the file is not known any more")
    refuse_draft(runtime, file)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="draft-") as name:
        folder = Path(name)
        raw = folder / "draft.csv"
        if not write_draft(runtime, file, draft, raw, but=corrected_lines(runtime, file)):
            raise ConflictError("no row that the draft changes is rejected now")
        found = _staged(runtime, file, raw, folder, tick)
        result = _told(runtime, file, draft, found)
        crash_point("draft.checked")
    if not runtime.ledger.drafts.note_check(draft, result):
        raise changed()
    return {name: result[name] for name in ("revision", "rows", "would_load", "still_wrong")}


def _staged(
    runtime: Runtime, file: File, raw: Path, folder: Path, tick: Callable[[], None]
) -> _Found:
    terms = correction_terms(runtime, replace(file, file_id="check"), file, raw, tick)
    assert terms.correcting is not None
    try:
        staged = stage_file(raw, terms, folder)
    except DataError as error:
        return _Found(None, error.render(), {})
    return _Found(staged, staged.refusal, dict(terms.correcting.places))


def _told(runtime: Runtime, file: File, draft: Draft, found: _Found) -> dict[str, Any]:
    """What was found, as the draft keeps it: row by row, and what holds for all of them."""
    with stored_rejects(runtime, file) as kept:
        where_of = {place: where for where, place in rejected_lines(kept).items()}
    drafted = cells_by_line(runtime, draft)
    rows: dict[Line, dict[str, Any]] = {}
    if found.staged is not None:
        unplaced: list[RejectedRow] = []
        for row in read_rejects(found.staged.rejects).rows:
            where = where_of.get(found.places.get(row.line, -1))
            if where is None:
                unplaced.append(row)
            else:
                rows[where] = {"verdict": WRONG, **_problems(row, where)}
        for place, values in _loaded(found.staged.rows):
            if place in where_of:
                rows[where_of[place]] = {"verdict": LOADS, "values": values}
        for place in found.places.values():
            rows.setdefault(where_of[place], {"verdict": LEFT_OUT})
        # What cannot even be read names no line; but the rows stand in the order of the file's.
        nowhere = [each for each in where_of.values() if each in drafted and each not in rows]
        for where, row in zip(nowhere, unplaced, strict=False):
            rows[where] = {"verdict": WRONG, **_problems(row, where)}
    feed = runtime.feeds[file.feed]
    counts = [each["verdict"] for each in rows.values()]
    return {
        "revision": draft.revision,
        "at": runtime.now().isoformat(),
        "rows": len(drafted),
        "would_load": counts.count(LOADS),
        "still_wrong": counts.count(WRONG),
        "left_out": counts.count(LEFT_OUT),
        "refusal": found.refusal,
        "warnings": [] if found.staged is None else [str(each) for each in found.staged.warnings],
        "notes": _notes(runtime.contract_of(feed), feed.mode),
        "lines": [
            {"member": member, "line": line, **facts}
            for (member, line), facts in sorted(
                rows.items(), key=lambda each: (each[1]["verdict"] != WRONG, str(each[0]))
            )[:_ROWS]
        ],
    }


def _problems(row: RejectedRow, where: Line) -> dict[str, Any]:
    return {
        "problems": [
            {
                "line": where[1], "column": each.column, "value": each.value,
                "rule": each.rule, "message": each.message, "header": each.header,
            }
            for each in row.problems
        ],
        "params": None if row.params is None else json.loads(row.params),
    }  # fmt: skip


def _loaded(parts: Sequence[Path]) -> Iterable[tuple[int, dict[str, str | None]]]:
    """The rows that would be loaded, by their places, with the values of the table's columns."""
    import pyarrow.parquet as pq

    ours = {column.name for column in LINEAGE}
    for part in parts:
        for batch in pq.ParquetFile(part).iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                values = {
                    name: None if value is None else str(value)[:_VALUE]
                    for name, value in row.items()
                    if name not in ours
                }
                yield row[LINE], values


def _notes(contract: Contract, mode: WriteMode) -> list[str]:
    """What a check of some rows cannot know."""
    notes = [
        f"{', '.join(key.columns)}: compared among these rows alone, not with rows that are loaded"
        for key in keys_of(contract, mode)
    ]
    if mode is WriteMode.MERGE and contract.primary_key:
        notes.append(
            f"a row whose {', '.join(contract.primary_key)} a later file has brought stays as it is"
        )
    if rules.expectations_of_all_rows(contract):
        notes.append("rules about all rows of a file were asked about these rows alone")
    notes.append("rules that count the rows of a file, or its bad rows, are not asked")
    return notes
