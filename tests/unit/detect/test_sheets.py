"""A workbook of several sheets: the one that was looked at is named in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from openpyxl import Workbook

from whole_way import proposed, seen


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_sheet_is_pinned_where_there_are_several(tmp_path: Path) -> None:
    sales = [("id", "n"), ("a", 1), ("b", 2)]
    stock = [("id", "n"), ("z", 26), ("y", 25)]
    first = workbook(tmp_path / "first.xlsx", Sales=sales, Stock=stock)
    found, made = proposed(first)
    assert found.dialect.sheet == made.dialect.sheet == "Sales"
    other = workbook(tmp_path / "other.xlsx", Stock=stock, Sales=sales)
    assert seen(other, made).rows == [("a", 1), ("b", 2)]
    alone, _ = proposed(workbook(tmp_path / "alone.xlsx", Sales=sales))
    assert alone.dialect == replace(alone.dialect, sheet="")
