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
    thousands: str = ""
    symbols: tuple[str, ...] = ()
    percent: bool = False
    brackets: bool = False
    trailing_minus: bool = False
    leading_zeros: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Booleans:
    """The words for true and false, compared without case."""

    true: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    false: tuple[str, ...] = ("false", "f", "no", "n", "0")


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column stands in each line of a text of fixed width: from the character `start` (1 is
    a line's first) over `width` characters, which are code points. `is_text` columns may have lost
    the blanks at their end."""

    column: str
    start: int
    width: int
    is_text: bool = False

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
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip_initial_space: bool = False
    line_end: str = ""
    comment: str = ""
    preamble: int = 0
    header: int = 1
    columns: tuple[str, ...] = ()
    header_cells: tuple[str, ...] = ()
    footer: int = 0
    totals: str = ""
    rows_like: str = ""
    trailing_delimiter: bool = False
    ragged: Ragged = Ragged.REJECT
    extra: Extra = Extra.REJECT
    stray_quotes: Extra = Extra.REJECT
    excel_text: bool = False
    fields: tuple[Field, ...] = ()
    sheet: str = ""
    range: str = ""
    members: str = "**"
    nulls: tuple[str, ...] = ("",)
    numbers: Numbers = Numbers()
    booleans: Booleans = Booleans()
