"""Fixes: what a sender is to do about a rule that rows have broken."""

from __future__ import annotations

from datetime import datetime

from pipelines.parse.registry import reader_of
from pipelines.template_file.rules import written_as
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect
from schemas.language import translate

FIXES: dict[str, str] = {
    "required": "fill in {column} in these rows",
    "type": "write {column} as the reason says",
    "length": "shorten {column} to the length that the reason names",
    "leading_zero": "write {column} without leading zeros; if it is a code, ask for a text column",
    "overflow": "look for missing decimal signs or extra digits in {column}",
    "scale": "round {column} to the decimals that the reason names, or ask for more decimals",
    "window": "correct the year of {column}, or ask for a wider range of dates",
    "zone": "write every {column} with a time zone, or without one, as the reason says",
    "clock_change": "write {column} with its offset from UTC; check times that clocks skipped",
    "compound_columns_to_be_unique": "keep one row for each combination of {column}",
    "replaced": "nothing, unless {column} is wrong here: a later row took the place of this one",
    "time_of_day": "write {column} as a date alone, without a time of day",
    "columns": "give each row as many cells as the header has; quote cells that hold the delimiter",
    "unreadable": "correct the quotes of these lines, or save the file again as the agreed format",
    "encoding": "save the file in the agreed encoding",
    "nul": "export the file again; these lines are damaged",
    "total": "leave rows of totals out, or ask for it to be agreed what such rows are",
    "comment": "leave such lines out, or ask for it to be agreed what they are",
    "footer": "leave notes below the rows out, or ask for it to be agreed what they are",
    "preamble": "begin the rows below the header, or ask for another number of lines above it",
    "inexact": "write {column} as text: a spreadsheet keeps 15 digits of a number",
    "uncalculated": "open the file where its formulas are calculated, save it and send it again",
    "cell_error": "correct the formulas of {column}, or clear these cells, and save it again",
    "partition": "look for a typo in {column}",
    "values_to_be_unique": "keep one row for each value of {column}",
}
_FIX_PLACES = "give each line the agreed characters, with each column in its place and nothing else"
_FIX = "correct {column} so that the rule holds"
_FIX_ROW = "correct the rows so that the rule holds"

_WRITTEN = frozenset({"type", "scale", "zone", "time_of_day"})
"""The rules about how a value is written."""
_DAY = datetime(2026, 12, 31, 18, 30)
_ISO = {
    Type.DATE: "%Y-%m-%d",
    Type.DATETIME: "%Y-%m-%d %H:%M:%S",
    Type.TIMESTAMP: "%Y-%m-%dT%H:%M:%SZ",
    Type.TIME: "%H:%M:%S",
}


class Fixes:
    """What to do about each rule, in the reader's language: how the contract wants its column to be
    written, where that is what was broken."""

    def __init__(self, dialect: Dialect, contract: Contract | None, language: str) -> None:
        self._dialect, self._language = dialect, language
        self._columns = {each.name: each for each in contract.columns} if contract else {}
        # In text of fixed width there are no cells to quote.
        padded = reader_of(dialect.format).traits.padding
        self._fixes = {**FIXES, "columns": _FIX_PLACES} if padded else FIXES

    def fix(self, rule: str, column: str | None, header: str | None) -> str:
        """The sentence about that rule in a column, which is called as the header does."""
        named, language = header or column or "–", self._language
        known = self._columns.get(column or "")
        if known is not None and rule in _WRITTEN:
            how = written_as(known, self._dialect, language)
            if example := example_of(known, self._dialect):
                return translate(
                    "write {column} like this: {how}, for example {example}",
                    language,
                    column=named,
                    how=how,
                    example=example,
                )
            return translate("write {column} like this: {how}", language, column=named, how=how)
        if known is not None and rule == "length" and known.max_length:
            return translate(
                "shorten {column} to at most {most:,} characters",
                language,
                column=named,
                most=known.max_length,
            )
        template = self._fixes.get(rule, _FIX if column else _FIX_ROW)
        return translate(template, language, column=named)


def example_of(column: Column, dialect: Dialect) -> str | None:
    """A value as files have it in that column; None where an example says no more than the rule."""
    if column.repeated:
        return '["a", "b"]'
    match column.type:
        case Type.INT64:
            return "125"
        case Type.NUMERIC | Type.BIGNUMERIC | Type.FLOAT64:
            sign = (column.numbers or dialect.numbers).decimal
            decimals = 2 if column.scale is None else min(column.scale, 4)
            return f"{12.5 if decimals else 12:.{decimals}f}".replace(".", sign)
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            form = column.formats[0] if column.formats else _ISO[column.type]
            spelled = any(each in form for each in ("%b", "%B", "%a", "%A", "%p"))
            return None if spelled or "%" not in form else _DAY.strftime(form).strip() or None
        case _:
            return None
