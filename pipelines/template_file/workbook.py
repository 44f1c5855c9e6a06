"""A template as a workbook: a sheet for the rows, with drop-downs, and one for the rules in words,
unless the contract names no sheet: then a file may have no other.

Every text is written as a text, so that no spreadsheet runs one. Nothing is protected.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.parse.registry import reader_of
from pipelines.parse.workbook import range_bounds
from pipelines.rejects.escape import harmless
from pipelines.template_file.example import Cell
from pipelines.template_file.holding import limits_of, sets_of
from pipelines.template_file.layout import Layout
from pipelines.template_file.rules import column_rules, general_rules, titles
from schemas.contract import Column, FromNow, Type
from schemas.dialect import Dialect
from schemas.errors import ConflictError
from schemas.language import translate

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_LAST_ROW = 1_048_575
_LONGEST = 32_767
_LIST = 1000
"""More words than that are no help in a drop-down."""
_DIGITS = 10**15
"""A spreadsheet keeps no more digits of a number."""
_TITLE, _MESSAGE = 32, 255
_NAME = re.compile(r"[\[\]:*?/\\]")
_OF_CELLS = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
)
"""Rules that a spreadsheet can hold each cell to."""
_NUMBERS = (Type.INT64, Type.FLOAT64, Type.NUMERIC, Type.BIGNUMERIC)


def workbook_file(layout: Layout, language: str) -> bytes:
    """The bytes of the workbook, the same for the same layout. Raises ConflictError for a sheet
    that no workbook can have, or a header outside the range that is read."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False,
                                     "strings_to_urls": False})  # fmt: skip
    # What is the same twice has the same bytes, and so the same ETag.
    book.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    names = _sheet_names(layout, language)
    try:
        # The loader reads the sheet that its contract names, or else the only one.
        sheets = [book.add_worksheet(name) for name in names]
    except xlsxwriter.exceptions.XlsxWriterException as error:
        raise ConflictError(f'no workbook can have a sheet "{names[0]}": {error}') from error
    rows = sheets[0]
    values = sheets[2] if len(sheets) > 1 else None
    _Sheet(book, rows, values, layout, language).write()
    if len(sheets) > 1:
        _write_rules(book, sheets[1], layout, language, names[0])
    rows.activate()
    book.close()
    return out.getvalue()


def _sheet_names(layout: Layout, language: str) -> list[str]:
    """The sheet of rows, and those for people, where there may be others beside it."""
    contract = layout.contract
    found = [contract.dialect.sheet or _NAME.sub(" ", contract.name)[:31]]
    if layout.is_only_sheet:
        return found
    for name in (translate("Rules", language), translate("Values", language)):
        number = 1
        fresh = str(name)
        while fresh.casefold() in [each.casefold() for each in found]:
            number += 1
            fresh = f"{name} {number}"
        found.append(fresh)
    return found


@dataclass(slots=True)
class _Sheet:
    """The sheet of rows being written; the words of its drop-downs stand in `values`, if there is
    such a sheet."""

    book: Workbook
    sheet: Worksheet
    values: Worksheet | None
    layout: Layout
    language: str
    lists: int = 0
    formats: dict[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        top, left = self.layout.origin
        self._check_range(left + len(self.layout.columns), top + self.layout.first_row)
        bold = self.book.add_format({"bold": True})
        told = {each.header: each for each in column_rules(self.layout, self.language)}
        line = top
        for text in self.layout.above:
            self.sheet.write_string(line, left, text)
            line += 1
        for cells in self.layout.header:
            for at, cell in enumerate(cells):
                if cell:
                    self.sheet.write_string(line, left + at, cell, bold)
            line += 1
        if self.layout.header:
            self.sheet.freeze_panes(line, 0)
        for at, column in enumerate(self.layout.columns):
            if column is None:
                continue
            form = self._format(column)
            self.sheet.set_column(left + at, left + at, _width(self.layout, at), form)
            for number, row in enumerate(self.layout.examples):
                self._cell(line + number, left + at, row[at], column, form)
            rules = told[self.layout.spellings[at]]
            message = "; ".join([rules.needed, rules.written, *rules.rules])
            options = {
                "input_title": _shortened(rules.header, _TITLE),
                "input_message": _shortened(message, _MESSAGE),
                "ignore_blank": not column.required,
                **self._validation(column),
            }
            self.sheet.data_validation(line, left + at, _LAST_ROW, left + at, options)
        line += len(self.layout.examples)
        for text in self.layout.below:
            self.sheet.write_string(line, left, text)
            line += 1

    def _check_range(self, width: int, row: int) -> None:
        if not reader_of(self.layout.contract.dialect.format).traits.is_sheet:
            return
        _, _, bottom, right = range_bounds(self.layout.contract.dialect.range)
        if (right and width > right) or (bottom and row > bottom):
            raise ConflictError(
                f"the range {self.layout.contract.dialect.range} has no room for the columns"
            )

    def _format(self, column: Column) -> Any:
        """How a cell of the column shows what is typed into it; texts keep their zeros."""
        form = {Type.DATE: "yyyy-mm-dd", Type.DATETIME: "yyyy-mm-dd hh:mm:ss"}.get(column.type, "@")
        if _is_number(column, self.layout.contract.dialect):
            form = "General"
        elif not _is_day(column, self.layout.contract.dialect):
            form = "@"
        if form not in self.formats:
            self.formats[form] = self.book.add_format({"num_format": form})
        return self.formats[form]

    def _cell(self, row: int, at: int, cell: Cell, column: Column, form: Any) -> None:
        dialect, value = self.layout.contract.dialect, cell.value
        if value is None:
            if cell.text:
                self.sheet.write_string(row, at, cell.text, form)
        elif _is_number(column, dialect) and _is_kept(value):
            self.sheet.write_number(row, at, float(value), form)
        elif _is_day(column, dialect) and value.year >= 1901:
            moment = value if isinstance(value, datetime) else datetime.combine(value, time())
            self.sheet.write_datetime(row, at, moment, form)
        else:
            self.sheet.write_string(row, at, cell.text, form)

    def _validation(self, column: Column) -> dict[str, Any]:
        """What a spreadsheet lets be typed into the column, as far as it can say that."""
        contract = self.layout.contract
        rules = [
            each
            for each in contract.expectations
            if each.severity == "error" and each.type in _OF_CELLS and _is_strict(each.kwargs)
        ]
        dialect = contract.dialect
        if column.type is Type.BOOL:
            said = column.booleans or dialect.booleans
            listed = self._list([said.true[0], said.false[0]])
            if listed is not None:
                return {**listed, "error_type": "warning"}
        for words in sets_of(rules, column.name):
            if column.type is Type.STRING and len(words) <= _LIST:
                found = self._list([str(each) for each in words])
                if found is not None:
                    return found
        limits = [each for each in limits_of(rules, column.name) if not _moves(each)]
        if _is_number(column, dialect):
            bounds = _range("decimal", limits, -_DIGITS, _DIGITS, float)
            if column.type is Type.INT64:
                low, high = math.ceil(bounds["minimum"]), math.floor(bounds["maximum"])
                bounds |= {"validate": "integer", "minimum": low, "maximum": high}
            return bounds
        if _is_day(column, dialect):
            return _range("date", limits, date(1901, 1, 1), date(9999, 12, 31), _day)
        lengths = [each.kwargs for each in rules
                   if each.type.startswith("expect_column_value_lengths")
                   and each.kwargs.get("column") == column.name]  # fmt: skip
        ends = [(each.get("min_value") or each.get("value"),
                 each.get("max_value") or each.get("value")) for each in lengths]  # fmt: skip
        least = max([int(column.required), *(int(low) for low, _ in ends if low)])
        most = min([column.max_length or _LONGEST, *(int(high) for _, high in ends if high)])
        if column.type is not Type.STRING or (not least and most == _LONGEST):
            return {"validate": "length", "criteria": ">=", "value": int(column.required)}
        return {"validate": "length", "criteria": "between", "minimum": least, "maximum": most}

    def _list(self, words: Sequence[str]) -> dict[str, Any] | None:
        """A drop-down of words. They stand in a sheet of their own, or, where there is none, in the
        rule itself, if it has room and none of them has a comma; None if they cannot."""
        if self.values is None:
            is_plain = not any(set(',"') & set(word) or word != harmless(word) for word in words)
            fits = is_plain and len(",".join(words)) <= _MESSAGE
            return {"validate": "list", "source": list(words)} if fits else None
        for row, word in enumerate(words):
            self.values.write_string(row, self.lists, word)
        column = _letters(self.lists)
        self.lists += 1
        quoted = self.values.get_name().replace("'", "''")
        source = f"='{quoted}'!${column}$1:${column}${len(words)}"
        return {"validate": "list", "source": source}


def _write_rules(
    book: Workbook, sheet: Worksheet, layout: Layout, language: str, rows: str
) -> None:
    bold = book.add_format({"bold": True, "bottom": 1})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 4, 24, wrap)
    sheet.set_column(5, 5, 60, wrap)
    line = 0
    for text in general_rules(layout, language, rows):
        sheet.write_string(line, 0, text)
        line += 1
    line += 1
    for at, title in enumerate(titles(language)):
        sheet.write_string(line, at, title, bold)
    for each in column_rules(layout, language):
        line += 1
        rules = "; ".join(each.rules)
        told = (each.header, each.needed, each.written, rules, each.example, each.means)
        for at, text in enumerate(told):
            sheet.write_string(line, at, text, wrap)


def _is_number(column: Column, dialect: Dialect) -> bool:
    """Whether the column's cells are numbers of the spreadsheet's own. Where the sheet is saved as
    text, that is so only if the text has the point that every spreadsheet can be told to write."""
    if column.type not in _NUMBERS or column.repeated:
        return False
    numbers = column.numbers or dialect.numbers
    return reader_of(dialect.format).traits.is_sheet or numbers.decimal == "."


def _is_day(column: Column, dialect: Dialect) -> bool:
    """Whether the column's cells are dates of the spreadsheet's own: saved as text they would be
    written as its user's country does."""
    is_sheet = reader_of(dialect.format).traits.is_sheet
    return is_sheet and column.type in (Type.DATE, Type.DATETIME) and not column.repeated


def _is_kept(value: Any) -> bool:
    return abs(Decimal(str(value))) < _DIGITS and len(Decimal(str(value)).as_tuple().digits) <= 15


def _is_strict(kwargs: Mapping[str, Any]) -> bool:
    return "row_condition" not in kwargs and kwargs.get("mostly", 1) == 1


def _moves(kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(each, FromNow) for each in kwargs.values())


def _range(
    kind: str,
    limits: Sequence[Mapping[str, Any]],
    low: Any,
    high: Any,
    as_cell: Callable[[Any], Any],
) -> dict[str, Any]:
    """The bounds that all limits leave."""
    ends = [(each.get("min_value"), each.get("max_value")) for each in limits]
    lows = [low, *(as_cell(each) for each, _ in ends if each is not None)]
    highs = [high, *(as_cell(each) for _, each in ends if each is not None)]
    return {"validate": kind, "criteria": "between", "minimum": max(lows), "maximum": min(highs)}


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _width(layout: Layout, at: int) -> float:
    column = layout.columns[at]
    cell = layout.cells.get(column.name) if column is not None else None
    shown = cell.text if cell is not None else ""
    return float(min(40, max(12, len(layout.spellings[at]) + 2, len(shown) + 2)))


def _letters(number: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(number))
