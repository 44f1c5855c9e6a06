"""Readers: what the pipeline asks of a file's format, and the format answers.

A new format is a module of `pipelines.parse.readers`, a line of `pipelines.parse.registry`, and a
fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from pipelines.parse.chunk import Parsed
from pipelines.parse.kind import Kind
from pipelines.parse.records import split
from schemas.dialect import Dialect
from schemas.limits import Limits


class Counted(Enum):
    """How a reader that is not ours counts the records of a raw file, if it can be sure."""

    NOT = "not"
    CELLS = "by the csv module"
    LINES = "by its lines"
    FOOTER = "by what its footer says"


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What is known of a format before a file of it is opened.

    `said` is what people call it, `kinds` what its bytes may be once they are unpacked. `is_text`:
    it is read from its top on, and its lines can be counted. `is_sheet`: its cells are those of a
    spreadsheet, with errors, formulas and merged cells. `is_native`: its numbers and moments have
    one way of being written, whatever the contract says of text. `has_totals`: it is written for
    people too, who put totals below their rows. `is_ordered`: its columns stand in an order of its
    own. `is_sparse`: a row may leave a column out. `goes_back`: its rejected rows are given back in
    its own dialect, and not as plain CSV. `has_delimiter`: its cells are told by a delimiter, which
    a file can have got wrong. `padding` fills its cells up to their width.
    """

    said: str
    kinds: frozenset[Kind]
    is_text: bool = False
    is_sheet: bool = False
    is_native: bool = False
    has_totals: bool = False
    is_ordered: bool = True
    is_sparse: bool = False
    goes_back: bool = False
    has_delimiter: bool = False
    padding: str = ""
    counted: Counted = Counted.NOT


@dataclass(frozen=True, slots=True)
class Given:
    """A file, or an archive's member, to be read: its stream, and for formats that are read from
    their end what puts it on the disk. `columns` are the names for a file without a header."""

    stream: BinaryIO
    local: Callable[[], Path]
    dialect: Dialect
    limits: Limits
    columns: Sequence[str] = ()


class Reader(Protocol):
    """One format. What is not said of most formats has a default here."""

    traits: ClassVar[Traits]

    def read(self, given: Given) -> Parsed:
        """The columns' names and the rows, in bounded memory; raises DataError for a file that
        cannot be read."""

    def cut_by(self, dialect: Dialect) -> Dialect | None:
        """The dialect that tells where records of a text end, which may be cut there and read in
        parts; None where only who reads it from its top knows."""
        return None

    def read_part(
        self, stream: BinaryIO, dialect: Dialect, block_bytes: int, top: Parsed, line: int,
    ) -> Parsed:  # fmt: skip
        """The rows of a part of a text which begins on that line, below the header that was parsed
        before."""
        raise NotImplementedError

    def split(self, raw: str, dialect: Dialect) -> list[str]:
        """The cells of a record that has too few or too many of them, as its text shows them."""
        return split(raw, dialect)

    def given_back(self, raw: str, names: Sequence[str], dialect: Dialect) -> list[str] | None:
        """The cells of a rejected row under the columns' names, for its sender; None where its text
        is a line of delimited text."""
        return None
