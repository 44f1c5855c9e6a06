"""Text: its dialect, its layout and a sample of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipelines.detect.dialect import Record, find_dialect, records
from pipelines.detect.encoding import find_encoding
from pipelines.detect.fixed import fixed_starts
from pipelines.detect.fixed_table import fixed_table
from pipelines.detect.found import Detected, Finding
from pipelines.detect.layout import Layout, find_layout
from pipelines.detect.sample import Sample
from pipelines.detect.table import described, with_header
from pipelines.parse.mistaken import Utf8Watch, is_single_byte
from pipelines.parse.names import folded
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.limits import MAX_COLUMNS

_LOOKED_AT, _MAX_STRANGE = 16 * 1024, 0.05
# Tabs and line ends, and the separators that some systems put between cells.
_PLAIN = "\t\n\r\f\v\x01\x02\x1a\x1c\x1d\x1e\x1f"
ROWS = 10_000
"""How many rows are looked at, at most."""


def detect_text(sample: Sample) -> Detected:
    """What a text is, delimited or of fixed width, as far as a sample shows it.

    Raises DataError for what is no text.
    """
    encoding = find_encoding(sample.head)
    _refuse_mixture(sample.head, encoding.value)
    text = _decoded(sample.head, encoding.value)
    _refuse_bytes(text)
    dialect, findings = find_dialect(text)
    whole = _whole(text, dialect, sample.complete)
    starts = fixed_starts(whole, dialect, findings)
    dialect = replace(dialect, encoding=encoding.value)
    if starts:
        ends = next((each for each in findings if each.what == "line ends"), None)
        return fixed_table(
            [whole, *_later(sample, dialect)], starts, dialect, encoding, ends,
            complete=sample.complete, ascii=sample.head.isascii(),
        )  # fmt: skip
    found = list(records(whole, dialect))
    widest = max((len(each.cells) for each in found), default=0)
    if widest > MAX_COLUMNS:
        raise DataError(
            "the file has a line of {width:,} cells; a table has at most {most:,} columns",
            hint="check its line ends and its delimiter",
            width=widest,
            most=MAX_COLUMNS,
        )
    layout = find_layout(found, at_end=sample.complete)
    findings = [encoding, *findings, *layout.findings]
    if not layout.width:
        nothing = Finding(what="rows", value="none", confidence=1.0, evidence="the file is empty")
        return Detected(
            dialect=dialect, findings=(encoding, nothing), columns=(), header=(), rows=0,
            complete=True,
        )  # fmt: skip
    rows = _rows(layout, sample, dialect)
    header, dialect, more = with_header(layout, dialect)
    return described(
        dialect, [*findings, *more], header, rows,
        complete=sample.complete, ascii=sample.head.isascii(),
    )  # fmt: skip


def _refuse_mixture(head: bytes, encoding: str) -> None:
    """Raise DataError for a text of which some lines are UTF-8, and others are not."""
    if not is_single_byte(encoding):
        return
    try:
        watch = Utf8Watch(encoding)
        watch.look(head)
    except DataError as error:
        raise DataError(
            "the lines are in different encodings: line {line} is UTF-8 text, others are not",
            hint="save it again in one encoding, best in UTF-8",
            line=error.values.get("line", 1),
        ) from error


def _refuse_bytes(text: str) -> None:
    """Raise DataError for what is no text: control characters all over the place."""
    some = text[:_LOOKED_AT]
    strange = sum(1 for char in some if char < " " and char not in _PLAIN)
    if strange > max(8, _MAX_STRANGE * len(some)):
        raise DataError(
            "the file holds bytes that are no text",
            hint="send delimited text, a workbook, JSON Lines or Parquet",
        )


def _decoded(data: bytes, encoding: str) -> str:
    """The text, without a byte order mark; what is not text becomes a replacement character."""
    return data.decode(encoding, "replace").removeprefix("\ufeff").replace("\n\ufeff", "\n")


def _whole(text: str, dialect: Dialect, complete: bool) -> str:
    """The text up to the end of its last whole line."""
    end = dialect.line_end or "\n"
    return text if complete or end not in text else text[: text.rindex(end) + 1]


def _rows(layout: Layout, sample: Sample, dialect: Dialect) -> list[list[str]]:
    """The cells of the rows that have the usual width, those of the later pieces too."""
    width = layout.width
    found: list[Record] = list(layout.rows)
    for text in _later(sample, dialect):
        found += records(text, dialect)
    heads = list(map(folded, layout.names))
    rows = []
    step = max(1, -(-len(found) // ROWS))
    for each in found[::step]:
        cells = each.cells[:width] if layout.trailing and not each.cells[-1] else each.cells
        if len(cells) == width and list(map(folded, cells)) != heads:
            rows.append(cells)
    return rows


def _later(sample: Sample, dialect: Dialect) -> Iterator[str]:
    """The whole lines of the later pieces."""
    end = dialect.line_end or "\n"
    for piece in sample.pieces:
        text = _decoded(piece, dialect.encoding.replace("utf-16", _order(sample.head)))
        # The first line is cut, and so may be the last.
        yield _whole(text.partition(end)[2], dialect, complete=False)


def _order(head: bytes) -> str:
    """UTF-16's byte order, which its pieces do not repeat."""
    return "utf-16-be" if head.startswith(b"\xfe\xff") else "utf-16-le"
