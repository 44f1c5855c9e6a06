"""Parse: delimited text into chunks of string cells, each row with its line in the file.

Text is read in blocks cut at record boundaries. Arrow reads a block at once; a block that it
refuses, or in which a quoted cell spans lines, is read again record by record, so that a ragged
row is named and every row keeps its true line.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.reject import Problem, RejectedRow

_BLOCKS_PER_RECORD = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: `cells` has one string column a header cell, `lines` the line on which
    each row starts, `ragged` the rows that do not have one cell a column."""

    cells: pa.Table
    lines: npt.NDArray[np.int64]
    ragged: tuple[RejectedRow, ...]
    _block: bytes
    _records: tuple[str, ...] | None

    def raw(self, index: int) -> str:
        """The text of row `index` as it stands in the file."""
        if self._records is not None:
            return self._records[index]
        return self._texts()[index]

    def raws(self, indexes: Sequence[int]) -> list[str]:
        """The texts of several rows; cheaper than asking for each."""
        texts = self._records if self._records is not None else self._texts()
        return [texts[index] for index in indexes]

    def _texts(self) -> list[str]:
        lines = self._block.split(b"\n")
        return [line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines]


def read_chunks(stream: BinaryIO, dialect: Dialect, block_bytes: int) -> Iterator[Chunk]:
    """The header's names and the rows of a delimited text, in bounded memory.

    The first record is the header. Blank lines are passed over. Raises DataError for an empty
    file, a header that names a column twice, text that is not in the declared encoding, and a
    quote that never closes.
    """
    header: list[str] | None = None
    line = 1
    for block in _blocks(stream, dialect, block_bytes):
        body = block
        if header is None:
            header, body, line = _header(block, dialect)
        if body:
            chunk, line = _chunk(body, line, header, dialect)
            yield chunk
        elif header is not None and body is block:
            continue
    if header is None:
        raise DataError("the file is empty", hint="send it with its header line and its rows")


def header_of(stream: BinaryIO, dialect: Dialect, block_bytes: int) -> list[str]:
    """The cells of the first record; raises as `read_chunks` does."""
    for block in _blocks(stream, dialect, block_bytes):
        return _header(block, dialect)[0]
    raise DataError("the file is empty", hint="send it with its header line and its rows")


def _blocks(stream: BinaryIO, dialect: Dialect, block_bytes: int) -> Iterator[bytes]:
    """UTF-8 blocks that end at the end of a record."""
    quote = dialect.quote.encode()
    rest = b""
    for text in _utf8(stream, dialect.encoding, block_bytes):
        rest += text
        end = _record_end(rest, quote)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _BLOCKS_PER_RECORD * block_bytes:
            raise DataError(
                "a quote is opened and not closed, or one record is longer than "
                f"{_BLOCKS_PER_RECORD * block_bytes:,} bytes",
                hint="look for a lone quote character",
            )
    if rest.strip(b"\r\n"):
        yield rest


def _utf8(stream: BinaryIO, encoding: str, size: int) -> Iterator[bytes]:
    """The stream's text as UTF-8 without a byte order mark."""
    name = codecs.lookup(encoding).name
    first = True
    decoder = None if name in ("utf-8", "utf-8-sig") else codecs.getincrementaldecoder(name)()
    while data := stream.read(size):
        if decoder is not None:
            try:
                data = decoder.decode(data).encode()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"the file is not in the declared encoding {encoding}: {error.reason}",
                    hint=f"save it as {encoding}, or correct dialect.encoding in the contract",
                ) from error
        if first:
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        yield data


def _record_end(text: bytes, quote: bytes) -> int:
    """The length of the longest prefix that ends with a line end outside quotes; 0 if none."""
    end = text.rfind(b"\n")
    if not quote:
        return end + 1
    odd = text.count(quote, 0, end + 1) % 2
    while end >= 0 and odd:
        earlier = text.rfind(b"\n", 0, end)
        odd = (odd - text.count(quote, earlier + 1, end + 1)) % 2
        end = earlier
    return end + 1


def _header(block: bytes, dialect: Dialect) -> tuple[list[str], bytes, int]:
    """The first record's cells, the text after it, and the line on which that starts."""
    lines = block.splitlines(keepends=True)
    reader = _reader([_text(line) for line in lines[:1000]], dialect)
    cells: list[str] = []
    try:
        while not any(cell.strip() for cell in cells):
            cells = next(reader)
    except StopIteration:
        raise DataError("the file has no header line") from None
    except csv.Error as error:
        raise DataError(f"the header line cannot be read: {error}") from error
    names = [cell.strip() for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"the header names a column twice: {', '.join(repr(name) for name in twice)}",
            hint="give every column its own name",
        )
    used = sum(len(line) for line in lines[: reader.line_num])
    return names, block[used:], reader.line_num + 1


def _chunk(body: bytes, line: int, header: list[str], dialect: Dialect) -> tuple[Chunk, int]:
    """One block's rows, and the line after it."""
    text = body[:-1] if body.endswith(b"\n") else body
    count = text.count(b"\n") + 1
    # An odd quote is one that never closes; Arrow would take the rest of the file for its cell.
    odd = bool(dialect.quote) and text.count(dialect.quote.encode()) % 2
    table = None if odd else _arrow(text, header, dialect)
    if table is not None and table.num_rows == count:
        lines = np.arange(line, line + count, dtype=np.int64)
        return Chunk(table, lines, (), text, None), line + count
    return _slow_chunk(body, line, header, dialect), line + count


def _arrow(text: bytes, header: list[str], dialect: Dialect) -> pa.Table | None:
    """The block by Arrow's reader, every cell a string; None if it refuses the block."""
    try:
        return pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(column_names=header, block_size=len(text) + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None


def _slow_chunk(body: bytes, line: int, header: list[str], dialect: Dialect) -> Chunk:
    """The block record by record: rows with the wrong number of cells or broken text are named."""
    lines = [_text(each) + "\n" for each in body.removesuffix(b"\n").split(b"\n")]
    reader = _reader(lines, dialect)
    rows: list[list[str]] = []
    starts: list[int] = []
    raws: list[str] = []
    ragged: list[RejectedRow] = []
    while True:
        start = reader.line_num
        try:
            cells, fault = next(reader), None
        except StopIteration:
            break
        except csv.Error as error:
            cells, fault = [], str(error)
        if not cells and fault is None:
            continue
        raw = "".join(lines[start : reader.line_num]).rstrip("\r\n")
        problem = _row_problem(raw, cells, fault, len(header), line + start)
        if problem is None:
            rows.append(cells)
            starts.append(line + start)
            raws.append(raw)
        else:
            shown = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            ragged.append(RejectedRow(line=line + start, raw=shown, problems=(problem,)))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=list(header))
    return Chunk(table, np.array(starts, dtype=np.int64), tuple(ragged), body, tuple(raws))


def _row_problem(
    raw: str, cells: Sequence[str], fault: str | None, width: int, line: int
) -> Problem | None:
    """What is wrong with a record as a whole, if anything."""
    if fault is not None:
        rule, message = "unreadable", f"the line cannot be read as delimited text: {fault}"
    elif any("\udc80" <= char <= "\udcff" for char in raw):
        rule, message = "encoding", "the line has bytes that are not text in the file's encoding"
    elif len(cells) != width:
        rule = "columns"
        message = f"the line has {len(cells)} cells where the header has {width}"
    else:
        return None
    return Problem(line=line, column=None, value=None, rule=rule, message=message)


def _reader(lines: Sequence[str], dialect: Dialect) -> csv._reader:  # type: ignore[name-defined]
    csv.field_size_limit(2**31 - 1)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def split(line: str, dialect: Dialect) -> list[str]:
    """The cells of one record of the dialect; the whole line as one cell if it is unreadable."""
    try:
        return next(_reader(line.splitlines(keepends=True), dialect), [])
    except csv.Error:
        return [line]
