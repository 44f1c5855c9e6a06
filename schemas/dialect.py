"""A dialect: how a feed's files are written. Declared, never guessed at load time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """What kind of file it is, once it is unpacked."""

    DELIMITED = "delimited"
    EXCEL = "excel"
    FIXED = "fixed"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Ragged(StrEnum):
    """What happens to a row with fewer cells than the header: rejected, or filled with nulls."""

    REJECT = "reject"
    PAD = "pad"


class Extra(StrEnum):
    """What happens to a row with something that should not be there: it is rejected, or kept.

    Further cells are kept in the raw row only; a stray quote is kept as a character of its cell.
    """

    REJECT = "reject"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """How numbers are written.

    `symbols` are currency signs and units that may stand before or after the digits. With
    `percent`, `12 %` is 0.12. `brackets` reads `(5)`, and `trailing_minus` reads `5-`, as -5.
    `leading_zeros` reads `007` as 7; without it such a number is refused, for it may be a code.
    """

    decimal: str = "."
    """The decimal sign."""
    thousands: str = ""
    """The sign between groups of three digits; empty for none."""
    symbols: tuple[str, ...] = ()
    """Currency signs and units that may stand before or after the digits."""
    percent: bool = False
    """Whether `12 %` is 0.12."""
    brackets: bool = False
    """Whether `(5)` is -5."""
    trailing_minus: bool = False
    """Whether `5-` is -5."""
    leading_zeros: bool = False
    """Whether `007` is 7; without it such a number is refused, for it may be a code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Booleans:
    """The words for true and false, compared without case."""

    true: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    """The words for true."""
    false: tuple[str, ...] = ("false", "f", "no", "n", "0")
    """The words for false."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column stands in each line of a text of fixed width: from the character `start` (1 is
    a line's first) over `width` characters, which are code points. `is_text` columns may have lost
    the blanks at their end."""

    column: str
    """The column's name, which is the key in the contract."""
    start: int
    """The first character of the cell; 1 is a line's first."""
    width: int
    """How many characters the cell has."""
    is_text: bool = False
    """Set by Waybill for columns of text, which may have lost the blanks at their end."""

    @property
    def begin(self) -> int:
        """How many characters stand before it."""
        return self.start - 1

    @property
    def end(self) -> int:
        """How many characters there are up to its end."""
        return self.start - 1 + self.width


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How the feed's files are written.

    Of text: `delimiter` may be several characters, `quote` none. Without an `escape` a quote inside
    a quoted cell is doubled. With `skip_initial_space` the blanks before a cell, as of aligned
    text, are none of it; without it a quote behind blanks makes its row unreadable. `line_end`
    empty takes LF and CRLF as they come; CR alone must be declared. `preamble` lines come before
    the header; `header` is how many lines the header has (0: none, and `columns` names the cells in
    their order; 2 or more are joined by a space). With a header and `header_cells` (the cells that
    it had when the contract was made) the columns are named by `columns`, in their order, and a
    file with another header is refused. `footer` lines come after the last row. A row whose first
    filled cell is wholly `totals` (a regular expression) is passed over if its numbers add up the
    rows above, and so are repetitions of the header. With `trailing_delimiter` each line ends with
    one. `comment` starts lines to be passed over. Blank lines always are. A preamble, footer or
    comment is passed over only if it is not like a row; what could be either is rejected by name,
    unless its first filled cell is wholly `rows_like` (a regular expression): then it is a row.
    `stray_quotes` are those that neither begin nor end a cell, or that never close. With
    `excel_text` a cell `="007"` is the text 007.

    Of text of fixed width: `fields`, in the order in which they stand. `header` lines above its
    rows name nothing: the fields do.
    Of workbooks: `sheet` by name (the only one with cells if empty) and `range` such as `B3:H`.
    Of archives: `members` is a glob of the member names that are read.
    """

    format: Format = Format.DELIMITED
    """What kind of file it is, once it is unpacked."""
    encoding: str = "utf-8"
    """The encoding of text, by a name that Python knows."""
    delimiter: str = ","
    """What stands between two cells; it may be several characters."""
    quote: str = '"'
    """The quote around cells; empty for none."""
    escape: str = ""
    """The character before a quote within a cell; without it such a quote is doubled."""
    skip_initial_space: bool = False
    """Whether blanks after a delimiter are passed over: `"a",   "b"` has two quoted cells then."""
    line_end: str = ""
    """The end of a line; empty takes LF and CRLF as they come. CR alone must be declared."""
    comment: str = ""
    """What a line begins with that is passed over."""
    preamble: int = 0
    """How many lines stand above the header."""
    header: int = 1
    """How many lines the header has: 0 for none, 2 or more are joined by a space."""
    columns: tuple[str, ...] = ()
    """The names of the columns in their order, where there is no header, or one that is pinned."""
    header_cells: tuple[str, ...] = ()
    """The cells that the header must have; with them `columns` names the columns by order."""
    footer: int = 0
    """How many lines stand after the last row."""
    totals: str = ""
    """A regular expression for the first cell of totals, which are passed over if they add up; also
    for a later one, if a cell is empty that every row above has."""
    rows_like: str = ""
    """A regular expression for the first cell of what is a row though it looks like none."""
    trailing_delimiter: bool = False
    """Whether each line ends with a delimiter."""
    ragged: Ragged = Ragged.REJECT
    """What happens to a row with fewer cells than the header."""
    extra: Extra = Extra.REJECT
    """What happens to a row with more cells than the header; `keep` leaves them in the raw row."""
    stray_quotes: Extra = Extra.REJECT
    """What happens to a row with a quote that neither begins nor ends a cell."""
    excel_text: bool = False
    """Whether a cell `="007"` is the text 007."""
    fields: tuple[Field, ...] = ()
    """Of text of fixed width: where each column stands, `{name: {start, width}}`."""
    sheet: str = ""
    """Of a workbook: the sheet by name; empty where there is only one."""
    range: str = ""
    """Of a workbook: the cells to read, such as `B3:H`."""
    members: str = "**"
    """Of an archive: a glob of the files in it that are read."""
    nulls: tuple[str, ...] = ("",)
    """The words that stand for no value."""
    numbers: Numbers = Numbers()
    """How numbers are written."""
    booleans: Booleans = Booleans()
    """The words for true and false."""
