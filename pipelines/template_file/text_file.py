"""A template as a text, in the dialect of its feed's files."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.rejects.csv_file import LineWriter
from pipelines.template_file.example import Cell
from pipelines.template_file.layout import Layout
from schemas.contract import Column, Type
from schemas.dialect import Dialect, Format
from schemas.errors import ConflictError


def text_file(layout: Layout) -> bytes:
    """The bytes of the template. Raises ConflictError for a header that the encoding has not."""
    dialect = layout.contract.dialect
    lines = {Format.JSONL: _json, Format.FIXED: _fixed}.get(dialect.format, _delimited)(layout)
    text = "".join(lines)
    encoding = dialect.encoding
    if codecs.lookup(encoding).name == "utf-8" and not text.isascii():
        # Without a byte order mark a spreadsheet takes it for something else.
        encoding = "utf-8-sig"
    try:
        return text.encode(encoding)
    except UnicodeError as error:
        raise ConflictError(f"the header cannot be written in {dialect.encoding}") from error


def _delimited(layout: Layout) -> Iterator[str]:
    write = LineWriter(layout.contract.dialect, "\r\n").line
    yield from (write([text]) for text in layout.above)
    yield from (write(line) for line in layout.header)
    yield from (write([cell.text for cell in row]) for row in layout.examples)
    yield from (write([text]) for text in layout.below)


def _fixed(layout: Layout) -> Iterator[str]:
    dialect = layout.contract.dialect
    end = dialect.line_end or "\r\n"
    yield from (text + end for text in layout.above)
    yield from (_line(line, dialect) + end for line in layout.header)
    for row in layout.examples:
        yield _line([cell.text for cell in row], dialect) + end
    yield from (text + end for text in layout.below)


def _line(texts: Sequence[str], dialect: Dialect) -> str:
    """A line with each text in its place, cut to the width of its field."""
    line = ""
    for field, text in zip(dialect.fields, texts, strict=True):
        line = line.ljust(field.begin) + text[: field.width].ljust(field.width)
    return line


def _json(layout: Layout) -> Iterator[str]:
    for row in layout.examples or [[Cell(None, "") for _ in layout.columns]]:
        pairs = zip(layout.spellings, layout.columns, row, strict=True)
        found = {name: _plain(column, cell) for name, column, cell in pairs}
        yield json.dumps(found, ensure_ascii=False) + "\n"


def _plain(column: Column | None, cell: Cell) -> Any:
    """A cell as JSON has it."""
    if column is None or cell.value is None:
        return None
    if column.repeated or column.type in (Type.JSON, Type.INT64):
        return json.loads(cell.text)
    return cell.text
