"""The table in a file: its columns, and what they say about its styles, key and partitions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipelines.detect.columns import file_numbers, find_columns
from pipelines.detect.dates import shown_format
from pipelines.detect.found import Detected, Finding, FoundColumn
from pipelines.detect.layout import Layout
from pipelines.parse.registry import reader_of
from schemas.contract import Type
from schemas.dialect import Dialect, Numbers

_KEY = re.compile(r"(?i)(^|_)(id|key|code|codigo|nr|no|num|number|numero|sku|ref|uuid|guid)(_|$)")
_EXCEL_TEXT = re.compile(r'^="([^"]*)"$')
_DAY = re.compile(r"(?i)date|day|fecha|datum|created|_at$|time|jour|tag")
_TIMES = (Type.DATE, Type.DATETIME, Type.TIMESTAMP)


def described(
    dialect: Dialect,
    findings: Sequence[Finding],
    header: tuple[str, ...],
    rows: Sequence[Sequence[str]],
    *,
    complete: bool,
    ascii: bool = True,
) -> Detected:
    """The rows' columns, and everything they say about the file's styles and uses."""
    if reader_of(dialect.format).traits.has_delimiter:
        rows, more, is_text = _without_equals(rows)
        dialect, findings = replace(dialect, excel_text=is_text), [*findings, *more]
    columns = find_columns(header, rows, dialect.delimiter)
    dialect = _with_styles(dialect, columns)
    return Detected(
        dialect=dialect,
        findings=(*findings, *_style_findings(columns, dialect), *_use_findings(columns)),
        columns=_own_styles(columns, dialect),
        header=header,
        rows=len(rows),
        complete=complete,
        ascii=ascii,
    )


def _without_equals(
    rows: Sequence[Sequence[str]],
) -> tuple[Sequence[Sequence[str]], list[Finding], bool]:
    """The rows with cells such as ="00123" as the text that a spreadsheet shows of them."""
    count = sum(bool(_EXCEL_TEXT.fullmatch(cell)) for row in rows for cell in row)
    if not count:
        return rows, [], False
    plain = [[_EXCEL_TEXT.sub(r"\1", cell) for cell in row] for row in rows]
    words = 'cells such as ="00123" are the text between their quotes'
    return (
        plain,
        [Finding(what="excel text", value=f"{count:,}", confidence=0.9, evidence=words)],
        True,
    )


def with_header(layout: Layout, dialect: Dialect) -> tuple[tuple[str, ...], Dialect, list[Finding]]:
    """The header's names, one for each cell of a row, and the dialect with the layout in it."""
    dialect = replace(
        dialect,
        preamble=layout.preamble,
        header=layout.header,
        footer=layout.footer,
        totals=layout.totals,
        rows_like=layout.rows_like,
        comment=layout.comment,
        trailing_delimiter=layout.trailing,
    )
    if layout.header == 0:
        names = [f"column_{at}" for at in range(1, layout.width + 1)]
        return tuple(names), replace(dialect, columns=tuple(names)), []
    names = list(layout.names)
    # A sheet's reader takes the last named column for its last.
    if len(names) != layout.width or (reader_of(dialect.format).traits.is_sheet and not names[-1]):
        return _misfit(names, layout, dialect)
    twice = _twice(names)
    if not twice:
        return tuple(names), dialect, []
    note = Finding(
        what="names twice",
        value=", ".join(repr(name) for name in twice)[:60],
        confidence=1.0,
        evidence="the columns are named by their order, and a file with another header is refused",
    )
    return _by_order(names, dialect, note)


def _has_row_names(layout: Layout) -> bool:
    """Whether the first cells of the rows are names of rows, which R writes below no name: numbers
    from 1 on, or texts of which none comes twice where the last cells are no texts."""
    rows = [each.cells for each in layout.rows if len(each.cells) == layout.width]
    first = [cells[0].strip() for cells in rows]
    if len(rows) < 2 or len(set(first)) < len(first):
        return False
    if first == [str(number) for number in range(1, len(first) + 1)]:
        return True
    return all(re.search(r"[^\W\d_]", cell) for cell in first)


def _twice(names: Sequence[str]) -> list[str]:
    """The names that are not told apart by a reader, for which case, accents and signs may be what
    a sender gets wrong."""
    exact = Counter(name.strip().casefold() for name in names)
    return sorted({name for name in names if exact[name.strip().casefold()] > 1})


def _misfit(
    names: list[str], layout: Layout, dialect: Dialect
) -> tuple[tuple[str, ...], Dialect, list[Finding]]:
    """Names for a header that has more or fewer cells than the rows."""
    filled = [name for name in names if name]
    fits = len(filled) == layout.width or len(names) == layout.width
    kept = filled if len(filled) == layout.width else names[: layout.width]
    kept += [""] * (layout.width - len(kept))
    if len(names) == layout.width - 1 and _has_row_names(layout):
        kept, fits = ["", *names], True
    note = Finding(
        what="header's cells",
        value=f"{len(names)} for {layout.width}",
        confidence=0.7 if fits else 0.3,
        evidence="the columns are named by their order"
        + ("" if fits else ", perhaps wrongly: ASK THE SENDER"),
    )
    unique = _unique(kept)
    while names and not names[-1]:
        names.pop()
    return unique, replace(dialect, header_cells=tuple(names), columns=unique), [note]


def _by_order(
    names: Sequence[str], dialect: Dialect, note: Finding
) -> tuple[tuple[str, ...], Dialect, list[Finding]]:
    """A dialect that names the columns by their order, under the header that it pins."""
    unique = _unique(names)
    return unique, replace(dialect, header_cells=tuple(names), columns=unique), [note]


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(name.strip().casefold() for name in names)
    return tuple(
        name if name and counts[name.strip().casefold()] == 1 else f"{name or 'column'}_{at}"
        for at, name in enumerate(names, 1)
    )


def _with_styles(dialect: Dialect, columns: Sequence[FoundColumn]) -> Dialect:
    """The dialect with what all columns agree in: each other column says its own."""
    agreed = {column.nulls for column in columns if column.seen > column.empty or column.nulls}
    nulls = next(iter(agreed)) if len(agreed) == 1 else ()
    return replace(dialect, nulls=("", *nulls), numbers=file_numbers(columns))


def _own_styles(columns: Sequence[FoundColumn], dialect: Dialect) -> tuple[FoundColumn, ...]:
    """The columns, each with its number style and null words only where they are not the file's."""
    return tuple(
        replace(
            column,
            numbers=_own(column, dialect.numbers),
            own_nulls=None if ("", *column.nulls) == dialect.nulls else ("", *column.nulls),
        )
        for column in columns
    )


def _own(column: FoundColumn, usual: Numbers) -> Numbers | None:
    own = column.numbers
    if own is None:
        return None
    if not column.scale and not own.thousands:
        own = replace(own, decimal=usual.decimal, thousands=usual.thousands)
    elif own.decimal == usual.decimal and not own.thousands:
        own = replace(own, thousands=usual.thousands)
    return None if own == usual else own


def _style_findings(columns: Sequence[FoundColumn], dialect: Dialect) -> list[Finding]:
    """Findings about numbers, dates, booleans and null words."""
    found = []
    numeric = [each for each in columns if each.numbers is not None]
    telling = [each for each in numeric if each.scale or (each.numbers and each.numbers.thousands)]
    if telling:
        thousands = {"": "no thousands sign", " ": "thousands space"}.get(
            dialect.numbers.thousands, f'thousands "{dialect.numbers.thousands}"'
        )
        found.append(
            Finding(
                what="numbers",
                value=f'decimal "{dialect.numbers.decimal}", {thousands}',
                confidence=min(each.confidence for each in telling),
                evidence=f"columns {_listed(telling)}",
            )
        )
    by_format: dict[str, list[FoundColumn]] = {}
    for each in columns:
        if each.type in (*_TIMES, Type.TIME):
            said = " or ".join(map(shown_format, each.formats)) or "ISO 8601"
            by_format.setdefault(said, []).append(each)
    for said, those in by_format.items():
        open_ = [each for each in those if each.ambiguous]
        evidence = f"columns {_listed(those)}"
        if open_:
            evidence = f"no day above 12 in {_listed(open_)}: day or month first is a guess"
        sure = min(each.confidence for each in those)
        found.append(Finding(what="dates", value=said, confidence=sure, evidence=evidence))
    for each in columns:
        if each.type is Type.BOOL:
            words = f"column {each.name}"
            found.append(
                Finding(what="booleans", value=each.evidence.split(";")[0],
                        confidence=each.confidence, evidence=words)
            )  # fmt: skip
    for word in sorted({word for each in columns for word in each.nulls}):
        those = [each for each in columns if word in each.nulls]
        found.append(
            Finding(what="null word", value=word, confidence=0.85,
                    evidence=f"columns {_listed(those)}")
        )  # fmt: skip
    return found


def _use_findings(columns: Sequence[FoundColumn]) -> list[Finding]:
    """Findings about what may be the key and the partition column."""
    found = []
    keys = key_candidates(columns)
    if keys:
        sure = 0.8 if _KEY.search(keys[0].name) and keys[0].seen >= 100 else 0.5
        evidence = f"no value comes twice in {keys[0].seen:,} rows"
        names = ", ".join(each.name for each in keys[:3])
        found.append(Finding(what="key", value=names, confidence=sure, evidence=evidence))
    day = partition_candidate(columns)
    if day is not None:
        found.append(
            Finding(what="partition", value=day.name, confidence=0.6 if day.empty == 0 else 0.4,
                    evidence=f"a {day.type} column")
        )  # fmt: skip
    return found


def key_candidates(columns: Sequence[FoundColumn]) -> list[FoundColumn]:
    """The columns that may identify a row, the likeliest first."""
    able = [each for each in columns if each.distinct and each.type in (Type.INT64, Type.STRING)]
    return sorted(able, key=lambda each: not _KEY.search(each.name))


def partition_candidate(columns: Sequence[FoundColumn]) -> FoundColumn | None:
    """The column by whose dates the table may be partitioned."""
    able = [each for each in columns if each.type in _TIMES and not each.ambiguous]
    able.sort(key=lambda each: (each.empty > 0, not _DAY.search(each.name)))
    return able[0] if able and able[0].empty < able[0].seen else None


def _listed(columns: Sequence[FoundColumn]) -> str:
    names = [each.name for each in columns]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
