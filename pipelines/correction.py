"""Corrections: rejects files that we gave back, dropped again with their rows mended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipelines.kind import Kind, kind_of
from schemas.dialect import Dialect, Format


def rejects_dialect(dialect: Dialect) -> Dialect:
    """The dialect in which a feed's rejects go back: its own, or plain CSV for a feed of
    workbooks, JSON Lines or Parquet."""
    if dialect.format is Format.DELIMITED:
        return dialect
    return Dialect(nulls=dialect.nulls, numbers=dialect.numbers, booleans=dialect.booleans)


def dialect_of(path: Path, dialect: Dialect) -> Dialect:
    """The dialect in which to read a file: the feed's, unless the file is a rejects file.

    That differs for a feed whose files are no delimited text, and where a file has a preamble, a
    header of several rows, none, or a footer: a rejects file has just one line above its rows.
    """
    plain = rejects_dialect(dialect)
    if kind_of(path) is not Kind.TEXT:
        return dialect
    with path.open("rb") as file:
        start = file.read(64 * 1024)
    text = start.decode(plain.encoding, "replace").removeprefix("\ufeff")
    if plain.line_end:
        text = text.replace(plain.line_end, "\n")
    first = text.replace("\r", "\n").partition("\n")[0]
    first = first.replace(plain.quote, "") if plain.quote else first
    if not first.removesuffix(plain.delimiter).endswith(f"{plain.delimiter}_error"):
        return dialect
    return replace(
        plain,
        preamble=0,
        header=1,
        columns=(),
        header_cells=(),
        footer=0,
        totals="",
        comment="",
        members="**",
    )
