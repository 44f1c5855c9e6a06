"""The rejected rows as a file for their sender: to be corrected there, and dropped again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from pipelines.parse import split
from pipelines.parse.registry import reader_of
from pipelines.rejects.correction import FILE_COLUMN, LINE_COLUMN, OUR_COLUMNS, rejects_dialect
from pipelines.rejects.escape import harmless, restored_cell
from pipelines.rejects.table import Rejects, read_rejects
from schemas.dialect import Dialect
from schemas.draft import Line
from schemas.language import NO_BREAK_SPACES, translate
from schemas.reject import RejectedRow


def write_rejected(
    rejects: BinaryIO,
    path: Path,
    dialect: Dialect,
    saw: Callable[[RejectedRow], None],
    file_id: str = "",
    language: str = "en",
    *,
    done: Collection[Line] = (),
    drafted: Mapping[Line, Mapping[str, str]] | None = None,
    form: Dialect | None = None,
) -> None:
    """Write the bad rows in the file's own dialect, line ends and columns, cells as they stood, and
    after them `_line`, `_error` (in `language`) and `_file`, by which a correction is known; those
    of a correction keep its `_line` and `_file`. Each row is shown to `saw` on its way.

    One header line stands above the rows, whatever the original had there. Cells that a
    spreadsheet would run are disarmed. What came as a workbook, JSON Lines or Parquet goes back
    as CSV in UTF-8; a workbook's as a spreadsheet of that language opens it (`sent_dialect`).

    Rows that are `done` are left out: others have corrected them. With what was `drafted` only the
    rows it is about are written, with these cells (by the header's names) in place of their own.
    Another `form` than the file's own is for what nobody but us reads.
    """
    kept = read_rejects(rejects, file_id)
    own = [name for name in kept.header if name not in OUR_COLUMNS]
    write = LineWriter(form or sent_dialect(dialect, language), kept.line_end)
    is_correction = len(own) < len(kept.header)
    with path.open("w", encoding=write.encoding, errors="replace", newline="") as out:
        out.write(write.line([*own, *OUR_COLUMNS]))
        for row in _shown(_wanted(kept.rows, done, drafted), saw):
            cells = cells_of(row, kept, dialect, is_correction)
            if is_correction:
                cells = [restored_cell(cell) for cell in cells]
            named = dict(zip(kept.header, cells, strict=True))
            if drafted is not None:
                named |= drafted[row.member, row.line]
            where = f"{row.member}:{row.line}" if row.member else str(row.line)
            if is_correction:
                where = named.get(LINE_COLUMN, where)
            belongs = named.get(FILE_COLUMN, file_id) if is_correction else file_id
            reasons = _in_encoding(_reasons(row, language), write.encoding)
            ours = [where, harmless(reasons), harmless(belongs)]
            out.write(write.line([*(harmless(named[name]) for name in own), *ours]))


def sent_dialect(dialect: Dialect, language: str) -> Dialect:
    """The dialect in which rejected rows are written. To who has sent a workbook it is CSV that a
    spreadsheet opens by itself: with a byte order mark, without which it takes UTF-8 for something
    else, and with semicolons where the language's decimal sign is the comma."""
    from babel.numbers import get_decimal_symbol

    plain = rejects_dialect(dialect)
    if not reader_of(dialect.format).traits.is_sheet:
        return plain
    has_comma = get_decimal_symbol(language.replace("-", "_")) == ","
    return replace(plain, encoding="utf-8-sig", delimiter=";" if has_comma else ",")


def cells_of(row: RejectedRow, kept: Rejects, dialect: Dialect, is_correction: bool) -> list[str]:
    """As many cells as the header has; what a row has too much stands in its last one."""
    header = kept.header
    reader = reader_of(dialect.format)
    cells = None if is_correction else reader.given_back(row.raw, header, dialect)
    if cells is None:
        plain = rejects_dialect(dialect)
        if kept.delimiter and kept.delimiter != plain.delimiter:
            plain = replace(plain, delimiter=kept.delimiter, quote='"', escape="")
        cells = split(row.raw, plain)
        if plain.trailing_delimiter and len(cells) == len(header) + 1 and not cells[-1]:
            cells.pop()
        if len(cells) > len(header):
            most = len(header) - 1
            cells = [*cells[:most], plain.delimiter.join(cells[most:])]
    return cells + [""] * (len(header) - len(cells))


def _reasons(row: RejectedRow, language: str) -> str:
    colon = translate(":", language)
    return "; ".join(
        f"{each.label}{colon} {message}" if each.label else message
        for each, message in zip(row.problems, row.render(language), strict=True)
    )


def _in_encoding(text: str, encoding: str) -> str:
    """Our words with plain spaces for those no-break ones that an encoding lacks."""
    for space in NO_BREAK_SPACES:
        if space in text and space.encode(encoding, "replace") == "?".encode(encoding):
            text = text.replace(space, " ")
    return text


def _wanted(
    rows: Iterator[RejectedRow],
    done: Collection[Line],
    drafted: Mapping[Line, Mapping[str, str]] | None,
) -> Iterator[RejectedRow]:
    for row in rows:
        where = (row.member, row.line)
        if where not in done and (drafted is None or where in drafted):
            yield row


def _shown(
    rows: Iterator[RejectedRow], saw: Callable[[RejectedRow], None]
) -> Iterator[RejectedRow]:
    for row in rows:
        saw(row)
        yield row


class LineWriter:
    """Writes rows as a dialect has them; the csv module knows no delimiters of several characters
    and no line ends but its own."""

    def __init__(self, dialect: Dialect, line_end: str) -> None:
        self._dialect = dialect
        self._end = dialect.line_end or line_end or "\r\n"
        if dialect.trailing_delimiter:
            self._end = dialect.delimiter + self._end
        self.encoding = dialect.encoding

    def line(self, cells: Sequence[str]) -> str:
        """One row with its line end."""
        return self._dialect.delimiter.join(map(self._cell, cells)) + self._end

    def _cell(self, cell: str) -> str:
        quote, escape = self._dialect.quote, self._dialect.escape
        delimiter = self._dialect.delimiter
        special = {*delimiter, quote, escape, "\n", "\r", *self._end} - {""}
        if not special.intersection(cell) and cell == cell.strip():
            return cell
        if escape:
            cell = cell.replace(escape, escape * 2)
        if quote:
            inner = cell.replace(quote, escape + quote if escape else quote * 2)
            return f"{quote}{inner}{quote}"
        if escape:
            for each in (delimiter, "\n", "\r"):
                cell = cell.replace(each, escape + each)
            return cell
        # Without quotes and escapes a cell cannot hold these; only a reason of ours does.
        for each in (delimiter, "\n", "\r", self._end):
            cell = cell.replace(each, " ")
        return cell
