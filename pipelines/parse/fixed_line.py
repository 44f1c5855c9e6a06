"""One line of a text of fixed width: its cells, or why it has none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.parse.fit import Fit, Shape
from pipelines.parse.fitting import LIKE_A_COMMENT
from pipelines.parse.text import DelimiterSubstitution
from pipelines.parse.tidy import UNDECLARED
from pipelines.parse.totals import BEGINS_LIKE
from schemas.dialect import Dialect, Extra, Field, Ragged
from schemas.language import translate
from schemas.regex import regex
from schemas.reject import Problem, RejectedRow

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes become that are no text in the file's encoding."""
_TOTAL = re.compile(BEGINS_LIKE)
PADDING = " "
_SHOWN, _MAX = 40, 200


class FixedLines:
    """The lines of one file, by the fields that its contract declares."""

    def __init__(self, dialect: Dialect, substitution: DelimiterSubstitution) -> None:
        self.dialect, self.fields = dialect, dialect.fields
        self.names = tuple(field.column for field in dialect.fields)
        self.width = max((field.end for field in dialect.fields), default=0)
        self.gaps = tuple(_gaps(dialect.fields))
        self.shape = Shape(len(self.fields))
        self.reveal = substitution.reveal if substitution.is_needed else None
        self._rows_like = regex(dialect.rows_like) if dialect.rows_like else None
        self._heads: frozenset[tuple[str, ...]] = frozenset()

    def repeat(self, heads: Sequence[str]) -> None:
        """Know repetitions of the header's lines."""
        self._heads = frozenset(tuple(head.casefold().split()) for head in heads)

    def is_head(self, raw: str) -> bool:
        """Whether a line that is no row says what a line of the header says."""
        return tuple(raw.casefold().split()) in self._heads

    def is_row(self, cells: Sequence[str]) -> bool:
        """Whether the contract says that a line with these cells is a row."""
        first = next((cell for cell in cells if cell), "")
        return bool(self._rows_like and self._rows_like.fullmatch(first))

    def fitted(self, raw: str) -> tuple[list[str], tuple[str, str] | None]:
        """The line's cells, or the rule it breaks and what to say."""
        if _NO_TEXT.search(raw):
            return [], ("encoding", translate(
                "the line has bytes that are not text in the file's encoding"
            ))  # fmt: skip
        if "\x00" in raw:
            return [], ("nul", translate("the line has a NUL character"))
        if "\r" in raw:
            return [], ("unreadable", translate(
                "the line cannot be read as text of fixed width: {fault}",
                fault=translate(
                    "a carriage return (CR) stands in the middle of the line"
                ),
            ))  # fmt: skip
        misfit = self._misfit(raw)
        if misfit is not None:
            return [], ("columns", misfit)
        total = self.cut_total(raw)
        if total:
            return [], ("total", translate(UNDECLARED, value=total))
        return [raw[field.begin : field.end].strip(PADDING) for field in self.fields], None

    def cut_total(self, raw: str) -> str:
        """The words of a total that stand across columns, where no cell shows them; none if a line
        has none, or is a row by the contract."""
        plain = raw.lstrip(PADDING)
        found = _TOTAL.match(plain[:_MAX])
        if found is None:
            return ""
        begin = len(raw) - len(plain)
        words = found[0].rstrip()
        first = next((each for each in self.fields if each.begin <= begin < each.end), None)
        if first is None or begin + len(words) <= first.end:
            return ""
        return "" if self._rows_like and self._rows_like.fullmatch(words) else words

    def _misfit(self, raw: str) -> str | None:
        """Why a line has not the declared columns, and nothing else."""
        found = len(raw)
        if found < self.width and self.dialect.ragged is not Ragged.PAD:
            return self._wide(found)
        cut = next((each for each in self.fields if each.begin < found < each.end), None)
        if cut is not None and not cut.is_text:
            # The end of a number may be missing as well as blanks.
            return translate(
                "the line ends within {column}, after {found:,} of {wanted:,} characters",
                column=cut.column, found=found, wanted=self.width,
            )  # fmt: skip
        if raw[self.width :].strip(PADDING) and self.dialect.extra is not Extra.KEEP:
            return self._wide(len(raw.rstrip(PADDING)))
        for begin, end in self.gaps:
            between = raw[begin:end]
            if between.strip(PADDING):
                at = begin + len(between) - len(between.lstrip(PADDING)) + 1
                return translate(
                    "{value} stands at character {at:,} of the line, where no column is agreed",
                    value=between.strip(PADDING)[:_SHOWN], at=at,
                )  # fmt: skip
        return None

    def _wide(self, found: int) -> str:
        return translate(
            "the line has {found:,} characters where its columns take {wanted:,}",
            found=found, wanted=self.width,
        )  # fmt: skip

    def commented(self, raw: str, line: int) -> RejectedRow | None:
        """A line that begins as comments do, rejected if it could be a row; None if it is none."""
        cells, fault = self.fitted(raw)
        if fault is not None:
            cells = [raw.strip()]
        if self.shape.fit(cells) is Fit.NOTE:
            return None
        value = next((cell for cell in cells if cell), "")
        return self.rejected(raw, line, "comment", translate(LIKE_A_COMMENT, value=value))

    def rejected(self, raw: str, line: int, rule: str, message: str) -> RejectedRow:
        """The line as a rejected row."""
        shown = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        shown = self.reveal(shown) if self.reveal else shown
        problem = Problem(line=line, column=None, value=None, rule=rule, message=message)
        return RejectedRow(line=line, raw=shown, problems=(problem,))


def pieces(raw: str, fields: Sequence[Field]) -> list[str]:
    """Any line cut where its columns begin, padding and all."""
    begins = [0, *(field.begin for field in fields[1:])]
    return [raw[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=True)]


def _gaps(fields: Sequence[Field]) -> list[tuple[int, int]]:
    """The characters between the columns that belong to none."""
    ends = [0, *(field.end for field in fields)]
    begins = [field.begin for field in fields]
    return [(end, begin) for end, begin in zip(ends, begins, strict=False) if end < begin]
