"""Corrections: rejects files that we gave back, sent again with their rows corrected.

A rejects file has three columns of ours after its sender's own: the line that a row had, what was
wrong with it, and the file that it belongs to. Whatever a spreadsheet made of it since (another
delimiter, a workbook, a packed file), it is known by their names in its first line.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.parse import Chunk, Parsed
from pipelines.parse.kind import PACKED, Kind, kind_of
from pipelines.parse.registry import reader_of
from pipelines.parse.unpack import members
from pipelines.rejects.returned_encoding import (
    UTF_16,
    AmbiguousTextError,
    blocks_of,
    returned_encoding,
)
from pipelines.rejects.table import Rejects
from schemas.arrow import LINE as ROW
from schemas.contract import Contract
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.language import translate
from schemas.limits import Limits
from schemas.reject import Problem, RejectedRow
from schemas.row_position import MEMBER

OUR_COLUMNS = ("_line", "_error", "_file")
"""What a rejects file has after the sender's own columns: no values of theirs."""
LINE_COLUMN, ERROR_COLUMN, FILE_COLUMN = OUR_COLUMNS
HEAD_BYTES = 64 * 1024
_SHEET_BYTES = 8 * 1024 * 1024
_PARTS = ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "content.xml")

_NO_LINE = "{column} must hold the number that stood there: it says which row this one corrects"
_NOT_REJECTED = "line {line} of {name} was not rejected, so there is nothing to correct"
_TWICE = "line {line} of {name} is corrected more than once here; the first row is taken"
_UNREAD = "{value} stands where no value could be read; write what belongs there"
_OTHER_FILE = "this row belongs to another file ({other}); send its corrections by themselves"


def rejects_dialect(dialect: Dialect) -> Dialect:
    """The dialect in which a feed's rejects go back: its own, or plain CSV for a feed of
    workbooks, JSON Lines or Parquet."""
    if reader_of(dialect.format).traits.goes_back:
        return dialect
    return Dialect(nulls=dialect.nulls, numbers=dialect.numbers, booleans=dialect.booleans)


def dialect_of(path: Path, dialect: Dialect, limits: Limits | None = None) -> Dialect:
    """The dialect in which to read a file: the feed's, unless the file is a rejects file, which has
    just one line above its rows and may have come back in another form."""
    return correction_dialect(path, dialect, limits or Limits()) or dialect


def is_correction(path: Path, contract: Contract, limits: Limits) -> bool:
    """Whether a file is a rejects file that comes back; of a text its beginning is enough."""
    try:
        return correction_dialect(path, contract.dialect, limits) is not None
    except AmbiguousTextError:
        return True


def correction_dialect(path: Path, dialect: Dialect, limits: Limits) -> Dialect | None:
    """The dialect of a rejects file of that feed; None for any other file. Raises
    AmbiguousTextError for one whose bytes mean something in two encodings."""
    plain = replace(
        rejects_dialect(dialect),
        preamble=0,
        header=1,
        columns=(),
        header_cells=(),
        footer=0,
        totals="",
        rows_like="",
        comment="",
        members="**",
    )
    kind = kind_of(path)
    if kind is Kind.TEXT:
        with path.open("rb") as file:
            return _of_text(file, plain)
    if kind in (Kind.WORKBOOK, Kind.OLD_WORKBOOK):
        return replace(plain, format=Format.EXCEL) if _names_our_columns(path) else None
    if kind not in PACKED:
        return None
    try:
        with closing(members(path, "**", limits)) as found:
            return _of_text(next(found).stream, plain)
    except AmbiguousTextError:
        raise
    except (DataError, StopIteration):
        return None


def _of_text(stream: BinaryIO, plain: Dialect) -> Dialect | None:
    """The dialect of a text by its first line, which ends with our columns."""
    head = stream.read(HEAD_BYTES)
    encoding = _encoding_of_head(head, plain)
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    if plain.line_end:
        text = text.replace(plain.line_end, "\n")
    first = text.replace("\r", "\n").partition("\n")[0].strip()
    bare = first.replace(plain.quote or '"', "").replace('"', "")
    at, error = bare.rfind(LINE_COLUMN), bare.rfind(ERROR_COLUMN)
    delimiter = bare[at + len(LINE_COLUMN) : error] if 0 <= at < error else ""
    ours = delimiter.join(OUR_COLUMNS)
    # Rejects files of earlier releases do not name the file.
    before = delimiter.join(OUR_COLUMNS[:2])
    ends = tuple(f"{each}{tail}" for each in (ours, before) for tail in ("", delimiter))
    if not delimiter or not bare.endswith(ends):
        return None
    encoding = returned_encoding(chain([head], blocks_of(stream)), plain.encoding)
    if delimiter == plain.delimiter:
        return replace(plain, encoding=encoding)
    return replace(
        plain,
        encoding=encoding,
        delimiter=delimiter,
        quote='"',
        escape="",
        line_end="",
        trailing_delimiter=False,
    )


def _encoding_of_head(head: bytes, plain: Dialect) -> str:
    """An encoding in which our columns can be found in the first line; that of the cells needs all
    of them."""
    if head.startswith(UTF_16):
        return "utf-16"
    try:
        # A character may be cut at the end of what was read.
        head[:-4].decode("utf-8") if len(head) == HEAD_BYTES else head.decode("utf-8")
    except UnicodeDecodeError:
        return plain.encoding
    return plain.encoding if head.isascii() else "utf-8"


def _names_our_columns(path: Path) -> bool:
    """Whether a workbook may be a rejects file: only then is it worth a look into its cells."""
    names = [name.encode() for name in OUR_COLUMNS]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            texts = []
            for part in _PARTS:
                if part in archive.NameToInfo:
                    try:
                        with archive.open(part) as stream:
                            texts.append(stream.read(_SHEET_BYTES))
                    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
                        return False
    else:
        with path.open("rb") as file:
            texts = [file.read(_SHEET_BYTES).replace(b"\x00", b"")]
    return all(any(name in text for text in texts) for name in names)


def file_named(found: Parsed) -> str | None:
    """The file that a correction's rows name first; None if none of them does."""
    if FILE_COLUMN not in found.names or LINE_COLUMN not in found.names:
        return None
    cells = (cell for chunk in found.chunks for cell in chunk.cells.column(FILE_COLUMN).to_pylist())
    return next((cell.strip() for cell in cells if cell and cell.strip()), None)


@dataclass(slots=True)
class Correcting:
    """A file of corrections on its way: which file's rows it corrects, and which lines of that
    (archive's member and line) may be. It learns the lines that its own rows stand for. What the
    file's cells were padded with there is taken off theirs. In rows that are `unread` some cells
    hold a mark, where no value could be read: as text it would be taken for one."""

    file_id: str
    name: str
    rejected: Mapping[tuple[str | None, int], int]
    delimiter: str = ""
    padding: str = ""
    unread: Collection[int] = ()
    is_mark: Callable[[str], bool] = bool
    places: dict[int, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def over(self, found: Parsed) -> Parsed:
        """The same rows, less those that correct nothing: these are rejected by name. A file is
        walked once more where rows of it are rejected because of others."""
        self.seen.clear()
        return replace(found, chunks=map(self._checked, found.chunks))

    def _checked(self, chunk: Chunk) -> Chunk:
        if not chunk.cells.num_rows:
            return chunk
        if self.padding:
            bare = [pc.utf8_trim(column, self.padding) for column in chunk.cells.columns]
            chunk = replace(chunk, cells=pa.table(bare, names=chunk.cells.column_names))
        lines = chunk.cells.column(LINE_COLUMN).to_pylist()
        files = chunk.cells.column(FILE_COLUMN).to_pylist()
        good = np.ones(len(lines), np.bool_)
        ragged: list[RejectedRow] = []
        for index, (where, file) in enumerate(zip(lines, files, strict=True)):
            own = int(chunk.lines[index])
            place, problem = self._place(where, file)
            column, value = LINE_COLUMN, where
            if place is not None:
                self.places[own] = place
                mark = self._mark(chunk, index) if place in self.unread else None
                if mark is None:
                    continue
                column, value = mark
                problem = translate(_UNREAD, value=value)
            good[index] = False
            line = own % MEMBER
            told = Problem(
                line=line, column=column, value=value, rule="correction", message=problem
            )
            ragged.append(
                RejectedRow(line=line, raw=chunk.raw(index), problems=(told,), member=chunk.member)
            )
        kept = chunk.keep(good)
        return replace(kept, ragged=(*kept.ragged, *ragged)) if ragged else kept

    def _place(self, where: str | None, file: str | None) -> tuple[int | None, str]:
        if file and file.strip() and file.strip().lower() != self.file_id:
            return None, translate(_OTHER_FILE, other=file.strip()[:32])
        member, _, number = (where or "").rpartition(":")
        number = number.strip().removesuffix(".0")
        if not number.isdecimal() or len(number) > 12:
            return None, translate(_NO_LINE, column=LINE_COLUMN)
        place = self.rejected.get((member or None, int(number)))
        if place is None:
            # A spreadsheet may have put blanks there; a member's name may have its own.
            place = self.rejected.get((member.strip() or None, int(number)))
        line = (where or "").strip()[:80]
        if place is None:
            return None, translate(_NOT_REJECTED, line=line, name=self.name)
        if place in self.seen:
            return None, translate(_TWICE, line=line, name=self.name)
        self.seen.add(place)
        return place, ""

    def _mark(self, chunk: Chunk, index: int) -> tuple[str, str] | None:
        """The first cell of a row that is no value: its column, and what stands there."""
        for name in chunk.cells.column_names:
            cell = chunk.cells.column(name)[index].as_py()
            if name not in OUR_COLUMNS and cell and self.is_mark(cell):
                return name, cell
        return None

    def renumber(self, rows: Path) -> None:
        """Let staged rows carry the lines of the file that they correct."""
        table = pq.read_table(rows)
        own = table.column(ROW).to_numpy()
        places = pa.array([self.places[int(each)] for each in own], pa.int64())
        at = table.schema.get_field_index(ROW)
        pq.write_table(table.set_column(at, table.schema.field(at), places), rows)


def rejected_lines(rejects: Rejects) -> dict[tuple[str | None, int], int]:
    """The rejected lines of a file, each with the number that a corrected row carries.

    A line of an archive's member is numbered by its name, for the member's own number is not kept.
    """
    found: dict[tuple[str | None, int], int] = {}
    numbers: dict[str, int] = {}
    for row in rejects.rows:
        if row.member is None:
            found[None, row.line] = row.line
        else:
            number = numbers.setdefault(row.member, _number(row.member))
            found[row.member, row.line] = number * MEMBER + row.line
    return found


def _number(member: str) -> int:
    # Far above the numbers of real members, and below what INT64 holds.
    return 1_000_000 + int.from_bytes(hashlib.sha256(member.encode()).digest()[:4]) % 8_000_000
