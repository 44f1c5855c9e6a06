"""Raw records: the records of a raw file counted by another reader than the one that loads it.

Python's own csv module counts, over Python's own decompression, so that a fault of our parser does
not hide itself. What it cannot count as surely (a workbook, an odd dialect) is not counted.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from pipelines.parse.kind import Kind, kind_of
from pipelines.parse.reader import Counted
from pipelines.parse.registry import reader_of
from schemas.dialect import Dialect

_OPENERS: dict[Kind, Callable[..., Any]] = {
    Kind.GZIP: gzip.open,
    Kind.BZIP2: bz2.open,
    Kind.XZ: lzma.open,
}


def records_in(path: Path, dialect: Dialect) -> int | None:
    """How many records a raw file has, blank lines and headers among them; None where this counter
    is not sure."""
    kind = kind_of(path)
    counted = reader_of(dialect.format).traits.counted
    if kind is Kind.PARQUET and counted is Counted.FOOTER:
        return int(pq.ParquetFile(path).metadata.num_rows)
    is_cells = counted is Counted.CELLS and _is_plain(dialect)
    is_lines = counted is Counted.LINES and not dialect.line_end
    if not (is_cells or is_lines):
        return None
    if kind is not Kind.TEXT and kind not in _OPENERS:
        return None
    try:
        with _text(path, kind, dialect.encoding, "\n" if is_lines else "") as lines:
            return sum(1 for _ in lines) if is_lines else _counted(lines, dialect)
    except (UnicodeError, csv.Error, OSError, EOFError, lzma.LZMAError):
        return None


def _is_plain(dialect: Dialect) -> bool:
    return (
        len(dialect.delimiter) == 1
        and dialect.quote in ("", '"', "'")
        and not dialect.escape
        and not dialect.line_end
        and not dialect.comment
        and not dialect.preamble
        and dialect.stray_quotes.value != "keep"
    )


@contextmanager
def _text(path: Path, kind: Kind, encoding: str, newline: str) -> Iterator[IO[str]]:
    opened = _OPENERS[kind](path, "rb") if kind in _OPENERS else path.open("rb")
    with opened as raw:
        head = raw.read(4)
        raw.seek(0)
        if head.startswith(codecs.BOM_UTF8):
            encoding = "utf-8-sig"
        elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        with io.TextIOWrapper(raw, encoding=encoding, newline=newline) as lines:
            yield lines


def _counted(lines: IO[str], dialect: Dialect) -> int:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=True,
        skipinitialspace=dialect.skip_initial_space,
    )
    return sum(1 for _ in reader)
