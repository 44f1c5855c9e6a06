"""The registry of formats: each reader's module and class, imported only when a file needs it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache

from pipelines.parse.reader import Reader
from schemas.dialect import Format

_READERS: Mapping[Format, tuple[str, str]] = {
    Format.DELIMITED: ("pipelines.parse.readers.delimited", "DelimitedReader"),
    Format.EXCEL: ("pipelines.parse.readers.workbook", "WorkbookReader"),
    Format.FIXED: ("pipelines.parse.readers.fixed", "FixedReader"),
    Format.JSONL: ("pipelines.parse.readers.jsonl", "JsonReader"),
    Format.PARQUET: ("pipelines.parse.readers.parquet", "ParquetReader"),
}


@cache
def reader_of(format_: Format) -> Reader:
    """The reader of a format."""
    module, name = _READERS[format_]
    reader: Reader = getattr(importlib.import_module(module), name)()
    return reader
