"""Text of fixed width in contracts: `fields`, the characters of a line at which columns stand."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.contract import Column, Type
from schemas.dialect import Dialect, Field, Format
from schemas.odcs.file import Faults, Where

_MEANINGLESS = (
    "delimiter", "quote", "escape", "skip_initial_space", "trailing_delimiter", "stray_quotes",
    "excel_text", "columns", "sheet", "range",
)  # fmt: skip
_MAX_END = 1_000_000
"""A line may be so long: more is a slip of the pen."""
_SHAPE = "{start: 1, width: 6}, where a line's first character is 1"


def dialect_place(properties: Sequence[Any] | None, where: Where) -> Where:
    """Where the dialect stands among a table's customProperties."""
    named = (at for at, each in enumerate(properties or []) if each.property == "dialect")
    return (*where, "customProperties", next(named, 0), "value")


def read_fixed(
    dialect: Dialect, given: Any, columns: Sequence[Column], where: Where, faults: Faults
) -> Dialect:
    """The dialect with its fields, in the order of a line; a fault for each that is not right."""
    if not isinstance(given, dict):
        return dialect
    if dialect.format is not Format.FIXED:
        if "fields" in given:
            faults.add((*where, "fields"), "fields belong to format: fixed")
        return dialect
    for key in _MEANINGLESS:
        if key in given:
            faults.add((*where, key), f"{key} means nothing for format: fixed")
    fields = _fields(given.get("fields"), where, faults)
    placed = given["fields"] if isinstance(given.get("fields"), Mapping) else {}
    _check_columns(fields, set(map(str, placed)), columns, where, faults)
    texts = {column.name for column in columns if column.type is Type.STRING}
    return replace(
        dialect,
        fields=tuple(replace(each, is_text=each.column in texts) for each in fields),
        # A text of fixed width has no header unless the contract says so.
        header=dialect.header if "header" in given else 0,
        quote="",
    )


def _fields(given: Any, where: Where, faults: Faults) -> list[Field]:
    """The fields that are right, in the order of a line."""
    if not isinstance(given, Mapping) or not given:
        faults.add(where, f"format: fixed needs fields: each column with its place, as {_SHAPE}")
        return []
    found = []
    for name, place in given.items():
        at = (*where, "fields", str(name))
        keys = set(place) if isinstance(place, Mapping) else set()
        if keys != {"start", "width"}:
            faults.add(at, f"a field has a start and a width, as {_SHAPE}")
        elif not all(_is_positive(place[key]) for key in keys):
            faults.add(at, f"start and width are whole numbers from 1, as {_SHAPE}")
        elif place["start"] + place["width"] > _MAX_END:
            faults.add(at, f"a line has at most {_MAX_END:,} characters")
        else:
            found.append(Field(str(name), place["start"], place["width"]))
    found.sort(key=lambda each: each.start)
    for before, after in itertools.pairwise(found):
        if after.begin < before.end:
            faults.add(
                (*where, "fields", after.column),
                f'"{after.column}" starts at character {after.start}, and "{before.column}" ends'
                f" at {before.end}; fields must not overlap",
            )
    return found


def _check_columns(
    fields: Sequence[Field],
    placed: Collection[str],
    columns: Sequence[Column],
    where: Where,
    faults: Faults,
) -> None:
    """Each column of a file is among those placed, rightly or not, and each field is a column's."""
    known = [column.name for column in columns if not column.derived]
    for field in fields:
        if field.column not in known:
            faults.unknown((*where, "fields", field.column), field.column, known)
    missing = [name for name in known if name not in placed]
    if fields and missing:
        faults.add(
            (*where, "fields"),
            f"no field says where {', '.join(missing)} stand{'s' if len(missing) == 1 else ''};"
            f" add {missing[0]}: {_SHAPE}",
        )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
