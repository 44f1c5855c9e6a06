"""Drift samples: cells of the column that differs, as they stand in the latest file that showed it,
as they are read now, and as they would be read once the drift is accepted.

A worker looks for them. They are kept for a day with all values; who may read which is decided when
somebody reads them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.operations.asked import ask_for_work
from pipelines.operations.feeds import feed_named
from pipelines.operations.first_rows import FirstCell, FirstRow, first_rows
from pipelines.operations.masking import HIDDEN, Mask
from pipelines.operations.replay import Progress
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas.contract import Column, Contract, Type
from schemas.drift import ContractChange, Drift, DriftKind
from schemas.errors import ConflictError
from schemas.file import File
from schemas.operation import Operation, OperationKind

LOOKED_THROUGH = 500
"""So many of a file's first rows are looked through."""
_SHOWN, _LONGEST = 5, 200
_WITH_CELLS = (DriftKind.NEW, DriftKind.RENAMED, DriftKind.TYPE, DriftKind.SCALE)


def has_samples(drift: Drift) -> bool:
    """Whether the drift is about the cells of a column that its files have."""
    return drift.finding.kind in _WITH_CELLS


def request_samples(runtime: Runtime, drift: Drift) -> Operation:
    """Ask for sample cells. Raises ConflictError where there are none to show: the drift is about
    no cells, or no file that showed it is kept any more."""
    if not has_samples(drift):
        raise ConflictError("it is not about the cells of a column", hint=None)
    file = _file_of(runtime, drift.drift_id)
    request = {"drift_id": drift.drift_id, "file_id": file.file_id}
    return ask_for_work(runtime, OperationKind.DRIFT_SAMPLES, drift.feed, request)


def find_samples(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    """Find the cells that an operation asks for. Raises ConflictError once its drift or file is
    gone."""
    known = runtime.ledger.drifts.latest(operation.feed)
    drift = next((each for each in known if each.drift_id == operation.request["drift_id"]), None)
    if drift is None:
        raise ConflictError("nothing is known of the drift any more", hint=None)
    file = _file_of(runtime, drift.drift_id)
    now = runtime.contract_of(feed_named(runtime, operation.feed))
    after = _accepted(now, drift.finding.change)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="samples-") as name:
        folder = Path(name)
        try:
            raw = fetched(runtime, file.landing_key or "", folder / "raw")
        except FileNotFoundError:
            raise _gone() from None
        before = first_rows(raw, now, runtime.limits, folder, LOOKED_THROUGH)
        then = first_rows(raw, after, runtime.limits, folder, LOOKED_THROUGH)
    cells = _chosen(before, then, drift.finding.column)
    return {
        "file_id": file.file_id,
        "name": file.item.name,
        "column": drift.finding.column,
        "header": drift.finding.cell,
        "cells": [
            {"line": line, "raw": _cut(raw), "before": _cut(was), "after": _cut(becomes)}
            for line, raw, was, becomes in cells
        ],
    }


def samples_result(result: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """What was found, as somebody may see it."""
    if not hides_samples(mask, result["column"], result.get("header")):
        return dict(result)
    cells = [
        {name: value if name == "line" or value is None else HIDDEN for name, value in each.items()}
        for each in result["cells"]
    ]
    return {**result, "column": HIDDEN, "header": None, "cells": cells}


def hides_samples(mask: Mask, column: str, header: str | None) -> bool:
    """Whether cells are hidden: a column that no contract knows yet is, where anything is. So is
    one under a header that no contract knows: which column it is, is a guess until it is accepted.
    """
    is_guess = bool(header) and not mask.knows(header)
    return mask.hides and (is_guess or mask.hides_column(column))


def _file_of(runtime: Runtime, drift_id: str) -> File:
    """The latest file that showed a drift, if its bytes are kept."""
    file_id = runtime.ledger.drifts.latest_file(drift_id)
    found = runtime.ledger.files.many([file_id] if file_id is not None else [])
    if not found or found[0].landing_key is None:
        raise _gone()
    return found[0]


def _gone() -> ConflictError:
    return ConflictError("no file that showed it is kept any more", hint=None)


def _accepted(contract: Contract, change: ContractChange | None) -> Contract:
    """The contract as it would be; the same without a change."""
    if change is None:
        return contract
    known = {column.name: column for column in contract.columns}
    column = known.get(change.column) or Column(name=change.column, type=Type.STRING)
    changed = replace(
        column,
        type=change.type or column.type,
        required=column.required if change.required is None else change.required,
        headers=(*column.headers, *change.headers),
        formats=(*column.formats, *change.formats),
    )
    known[change.column] = changed
    return replace(contract, columns=tuple(known.values()))


type _Sample = tuple[int, str, str | None, str | None]


def _chosen(before: Sequence[FirstRow], after: Sequence[FirstRow], column: str) -> list[_Sample]:
    """Different cells of the column, those first that are read otherwise afterwards."""
    was = {row.line: cell for row in before for cell in row.cells if cell.column == column}
    then = {row.line: cell for row in after for cell in row.cells if cell.column == column}
    found: dict[str, _Sample] = {}
    for line in sorted({*was, *then}):
        one, other = was.get(line), then.get(line)
        raw = next((each.raw for each in (other, one) if each is not None and each.raw), "")
        if raw:
            found.setdefault(raw, (line, raw, _read(one), _read(other)))
    return sorted(found.values(), key=lambda each: (each[2] == each[3], each[0]))[:_SHOWN]


def _read(cell: FirstCell | None) -> str | None:
    """As what a cell is loaded; None for not at all."""
    return None if cell is None or cell.is_bad else cell.loaded


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    plain = text.encode("utf-8", "replace").decode()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
