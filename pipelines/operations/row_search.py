"""Row search: where the row of a key comes from, found out by a worker for somebody who waits.

What is found is kept for a day with all its values; who may read which is decided when somebody
reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from pipelines.operations.asked import ask_for_work
from pipelines.operations.cost import explain_estimate
from pipelines.operations.explain import Explained, explain
from pipelines.operations.feeds import feed_named
from pipelines.operations.masking import HIDDEN, Mask
from pipelines.operations.replay import Progress
from pipelines.runtime import Runtime
from schemas.contract import Column, Contract, Type
from schemas.errors import ConflictError
from schemas.operation import Operation, OperationKind

MAX_KEY = 500
_ROWS = 5
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_MOMENTS: dict[Type, type[date] | type[time]] = {
    Type.DATE: date, Type.TIME: time, Type.DATETIME: datetime, Type.TIMESTAMP: datetime,
}  # fmt: skip


def key_columns(contract: Contract) -> tuple[Column, ...]:
    """The columns by which a row is looked for: those of the key, or all that can be compared."""
    usable = [each for each in contract.columns if not each.repeated and each.type in _LITERALS]
    keys = [each for each in usable if each.name in contract.primary_key]
    return tuple(keys or usable)


def request_row(
    runtime: Runtime, feed: str, key: Mapping[str, str], days: int | None, mask: Mask
) -> Operation:
    """Ask where the rows of that key come from, as far as they were loaded in the last so many
    days. Raises NotFoundError, and ConflictError for a key that no row can have, or a column whose
    values are not shown to whoever asks: they would learn that a value is there."""
    contract = runtime.contract_of(feed_named(runtime, feed))
    hidden = [name for name in key if mask.hides_column(name)]
    if hidden:
        raise ConflictError(
            f"the values of {', '.join(hidden)} are not public", hint="a steward can look for them"
        )
    condition_of(contract, key)
    request: dict[str, Any] = {"key": dict(key), "days": days}
    return ask_for_work(runtime, OperationKind.FIND_ROW, feed, request)


def find_row(runtime: Runtime, operation: Operation, told: Progress) -> dict[str, Any]:
    """Find the rows that an operation asks for. Raises what the warehouse raises, and
    ConflictError where that would read much."""
    contract = runtime.contract_of(feed_named(runtime, operation.feed))
    where = condition_of(contract, operation.request["key"])
    days = operation.request["days"]
    since = runtime.now() - timedelta(days=days) if days else None
    estimate = explain_estimate(runtime, contract, where, since)
    if estimate.is_large:
        raise ConflictError(
            f"to look for it would read {estimate.bytes_read:,} bytes",
            hint="look through fewer days, or let somebody run `waybill explain`",
        )
    found = explain(runtime, contract, where, _ROWS, since)
    return {"rows": [_plain(runtime, each) for each in found]}


def row_result(result: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """What was found, as somebody may see it."""
    if not mask.hides:
        return dict(result)
    rows = []
    for row in result["rows"]:
        shown = {
            name: HIDDEN if mask.hides_column(name) else value
            for name, value in row["values"].items()
        }
        raw = HIDDEN if row["raw"] is not None else None
        rows.append({**row, "values": shown, "raw": raw})
    return {**result, "rows": rows}


def row_request(request: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """What was asked for, as somebody may see it."""
    key = {
        name: HIDDEN if mask.hides_column(name) else text for name, text in request["key"].items()
    }
    return {**request, "key": key}


def condition_of(contract: Contract, key: Mapping[str, str]) -> str:
    """The key as a condition. Raises ConflictError for a value that its column cannot have."""
    columns = {each.name: each for each in key_columns(contract)}
    given = {name: text for name, text in key.items() if text}
    if not given or not given.keys() <= columns.keys():
        raise ConflictError(
            "a row is looked for by its key", hint=f"give {', '.join(columns)} of the row"
        )
    parts = []
    for name, text in given.items():
        column = columns[name]
        try:
            parts.append(f"`{name}` = {_LITERALS[column.type](column.type, text)}")
        except (ValueError, InvalidOperation):
            raise ConflictError(
                f"{name} is a {column.type}: no row has that value there",
                hint="write it as it stands in the table, a date like 2026-11-03",
            ) from None
    return " AND ".join(parts)


def _text(type_: Type, text: str) -> str:
    if len(text) > MAX_KEY or not text.isprintable():
        raise ValueError(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _integer(type_: Type, text: str) -> str:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(text)
    return str(int(text))


def _number(type_: Type, text: str) -> str:
    number = Decimal(text.strip())
    if len(text) > MAX_KEY or not number.is_finite():
        raise ValueError(text)
    return f"CAST('{number:f}' AS {type_})"


def _truth(type_: Type, text: str) -> str:
    found = {"true": "TRUE", "false": "FALSE"}.get(text.strip().casefold())
    if found is None:
        raise ValueError(text)
    return found


def _moment(type_: Type, text: str) -> str:
    return f"CAST('{_MOMENTS[type_].fromisoformat(text.strip()).isoformat()}' AS {type_})"


_LITERALS = {
    Type.STRING: _text,
    Type.INT64: _integer,
    Type.NUMERIC: _number,
    Type.BIGNUMERIC: _number,
    Type.BOOL: _truth,
    **dict.fromkeys(_MOMENTS, _moment),
}
"""How a value is written, for the types that can be compared exactly."""


def _plain(runtime: Runtime, row: Explained) -> dict[str, Any]:
    """A row as it is kept."""
    file = row.file
    known = runtime.ledger.files.many([each.file_id for each in row.replaced])
    names = {each.file_id: each.item.name for each in known}
    return {
        "values": {name: None if each is None else str(each) for name, each in row.values.items()},
        "table": row.table,
        "file_id": row.file_id,
        "name": None if file is None else file.item.name,
        "sender": None if file is None else file.item.sender,
        "sent_at": None if file is None else file.item.sent_at.isoformat(),
        "line": row.line,
        "member": row.member_name,
        "sheet": row.sheet,
        "raw": row.raw,
        "raw_missing": row.raw_missing,
        "checks": list(row.checks),
        "batch_id": row.batch_id,
        "loaded_at": row.loaded_at.isoformat(),
        "replaced": [{**asdict(each), "name": names.get(each.file_id)} for each in row.replaced],
    }
