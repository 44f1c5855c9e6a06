"""Columns: name, type, formats and evidence of each column of a sample."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipelines.detect.column_kinds import (
    Cells,
    as_boolean,
    as_counts,
    as_date,
    as_json,
    as_number,
)
from pipelines.detect.dates import find_dates
from pipelines.detect.found import FoundColumn
from pipelines.detect.numbers import find_numbers
from schemas.contract import Type
from schemas.dialect import Numbers

_NULL_WORDS = frozenset(
    ["null", "n/a", "na", "#n/a", "nan", "none", "nil", "\\n", "(null)", "-", "--", "?", ".",
     "s/d", "n.a.", "n.d.", "#null!", "#value!", "#div/0!", "<na>", "missing"]
)  # fmt: skip
_SURE_NULLS = frozenset(["NULL", "null", "\\N", "(null)", "#N/A", "<NA>", "N/A", "n/a"])
_RESERVED = ("_etl_", "_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colident")


def find_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str
) -> tuple[FoundColumn, ...]:
    """The columns of the rows, all of one width. What single columns leave open (day or month
    first, decimal comma or point) is settled by the other columns."""
    cells = [[row[at] for row in rows] for at in range(len(header))]
    names = column_names(header)
    decimal = "," if delimiter == ";" else "."
    first = [
        _column(name, head, each, decimal, None)
        for name, head, each in zip(names, header, cells, strict=True)
    ]
    decimals = Counter(
        each.numbers.decimal
        for each in first
        if each.numbers is not None and each.scale and not each.ambiguous
    )
    told = [_is_day_first(each.formats[0]) for each in first if each.formats and not each.ambiguous]
    orders = Counter(order for order in told if order is not None)
    if decimals:
        decimal = decimals.most_common(1)[0][0]
    day_first = max(orders, key=lambda key: orders[key]) if len(orders) == 1 else None
    found = []
    for each, values in zip(first, cells, strict=True):
        if not each.ambiguous:
            found.append(each)
            continue
        again = _column(each.name, each.header, values, decimal, day_first)
        settled = bool(decimals) if each.numbers is not None else day_first is not None
        if settled:
            words = f"{again.evidence}; the other columns settle the order"
            if each.numbers is not None:
                words = f"{again.evidence}; the other columns settle the decimal sign"
            again = replace(again, ambiguous=False, confidence=0.8, evidence=words)
        found.append(again)
    return tuple(found)


def column_names(header: Sequence[str]) -> list[str]:
    """Names BigQuery takes, one for each header cell, no two alike."""
    names: list[str] = []
    for at, cell in enumerate(header, 1):
        parts = list(dict.fromkeys(cell.split())) if cell else []
        plain = unicodedata.normalize("NFKD", " ".join(parts)).replace("ß", "ss")
        ascii_ = plain.encode("ascii", "ignore").decode()
        name = re.sub(r"[^A-Za-z0-9]+", "_", ascii_).strip("_").lower()[:200]
        name = name or f"column_{at}"
        if name[0].isdigit() or f"{name}_".startswith(_RESERVED) or name.startswith(_RESERVED):
            name = f"c_{name.lstrip('_')}"
        base, number = name, 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _is_day_first(form: str) -> bool | None:
    if "%d" not in form or form.startswith("%Y"):
        return None
    month = max(form.find("%m"), form.find("%b"), form.find("%B"))
    return form.find("%d") < month if "%m" in form else None


def _column(
    name: str, header: str, values: Sequence[str], decimal: str, day_first: bool | None
) -> FoundColumn:
    """One column's type, by the first reading that most of its filled cells allow."""
    cells = _without_nulls(values)
    column = FoundColumn(
        name=name,
        header=header,
        type=Type.STRING,
        seen=len(values),
        empty=cells.empty + sum(cells.words.values()),
        confidence=0.5,
        evidence="every cell is empty" if values else "no row was seen",
        distinct=len(set(values)) == len(values) > 1 and not cells.empty and not cells.words,
        nulls=cells.nulls,
    )
    if not cells.filled:
        return column
    found = (
        as_boolean(column, cells)
        or as_date(column, cells, day_first)
        or as_counts(column, cells)
        or as_number(column, cells, decimal)
        or as_json(column, cells)
        or _as_text(column, cells, values)
    )
    if found.type is Type.STRING:
        # What means nothing among numbers may be a text among texts.
        found = replace(found, nulls=tuple(word for word in found.nulls if word in _SURE_NULLS))
    return replace(found, evidence=found.evidence + _emptiness(found, cells))


def _without_nulls(values: Sequence[str]) -> Cells:
    trimmed = [value.strip() for value in values]
    filled = [value for value in trimmed if value]
    words = Counter(value for value in filled if value.lower() in _NULL_WORDS)
    # As many "n/a" as there are cells is no column with gaps but a column of that word.
    if sum(words.values()) == len(filled):
        words = Counter()
    kept = [value for value in filled if value not in words]
    return Cells(kept, len(values) - len(filled), words)


def _emptiness(column: FoundColumn, cells: Cells) -> str:
    said = f"; {cells.empty:,} empty" if cells.empty else ""
    for word, count in cells.words.items():
        if word in column.nulls:
            said += f'; {count:,} say "{word}"'
    return said


def _as_text(column: FoundColumn, cells: Cells, values: Sequence[str]) -> FoundColumn:
    """Text. Of the null words only those count that are never real text."""
    longest = max(map(len, values))
    sure = tuple(word for word in column.nulls if word in _SURE_NULLS)
    different = len(set(cells.filled))
    said = f"text of up to {longest:,} characters, {different:,} different"
    for what, read in (
        ("numbers", find_numbers(cells.filled)[1]),
        ("dates", find_dates(cells.filled)[1]),
    ):
        if read >= 0.5 * len(cells.filled):
            said += f"; {read:,} of {len(cells.filled):,} are {what}, the others are not"
            break
    rest = cells.words.total() - sum(cells.words[word] for word in sure)
    return replace(
        column,
        confidence=0.9 if different > 1 else 0.6,
        evidence=said,
        nulls=sure,
        empty=column.empty - rest,
        distinct=column.distinct or (different == len(values) > 1),
    )


def file_numbers(columns: Sequence[FoundColumn]) -> Numbers:
    """The number style for the file: that of most columns with decimals or thousands, with every
    currency sign and mark that is used anywhere."""
    styles = [each.numbers for each in columns if each.numbers is not None]
    if not styles:
        return Numbers()
    telling = [
        each.numbers
        for each in columns
        if each.numbers is not None and (each.scale or each.numbers.thousands)
    ]
    pairs = Counter((each.decimal, each.thousands) for each in telling)
    decimals = Counter(each.decimal for each in telling)
    decimal = decimals.most_common(1)[0][0] if decimals else "."
    grouped = [pair[1] for pair, _ in pairs.most_common() if pair[0] == decimal and pair[1]]
    return Numbers(decimal=decimal, thousands=grouped[0] if grouped else "")
