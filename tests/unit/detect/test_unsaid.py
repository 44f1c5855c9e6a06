"""What a proposal says that would load wrong values unsaid: which sheet, and aligned text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from openpyxl import Workbook

from pipelines.detect import disagreements
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


def test_aligned_text_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """And a contract that does not say so refuses it, with the reason."""
    path = tmp_path / "aligned.csv"
    path.write_text('"name",   "n"\n"Anna",   "3"\n"Bo, B.", "4"\n"Cecilia","5"\n')
    found, made = proposed(path)
    assert made.dialect.skip_initial_space
    assert seen(path, made).rows == [("Anna", 3), ("Bo, B.", 4), ("Cecilia", 5)]
    plain = replace(made, dialect=replace(made.dialect, skip_initial_space=False))
    [differs] = disagreements(found, plain)
    assert "blanks stand before its quotes" in differs.render()
    path.write_text('"name", "n"\n"Anna", "3"\n"Bo", "4"\n"Cecilia", "5"\n')
    found, made = proposed(path)
    assert made.dialect.delimiter == ", "
    assert all("ASK" not in each.evidence for each in found.findings)
