"""Error cells of workbooks: named and rejected, never nulls without a word."""

import io
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folders import ROOT
from pipelines.cast import cast_chunk
from pipelines.detect import detect
from pipelines.detect.contract import propose
from pipelines.parse import parsed
from pipelines.parse.sheet_xml import _as_text, _tags
from pipelines.parse.workbook import sheet_rows
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.limits import Limits

EXCEL = Dialect(format=Format.EXCEL)
CONTRACT = Contract(
    name="t",
    version="1",
    table="t",
    columns=(
        Column(name="id", type=Type.INT64),
        Column(name="price", type=Type.NUMERIC),
        Column(name="note", type=Type.STRING),
    ),
    dialect=EXCEL,
)
ODS = ROOT / "tests" / "data" / "real" / "frictionless" / "table.ods"


def workbook(folder: Path, *rows: tuple[object, ...]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("id", "price", "note", "ignored"), *rows):
        sheet.append(row)
    book.save(folder / "t.xlsx")
    return folder / "t.xlsx"


def changed(path: Path, folder: Path, part: str, old: str, new: str) -> Path:
    """A copy of a workbook in the folder, with other text in one of its parts."""
    other = folder / f"changed{path.suffix}"
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(other, "w") as copy:
        for each in book.namelist():
            data = book.read(each)
            assert each != part or old.encode() in data
            copy.writestr(each, data.replace(old.encode(), new.encode()) if each == part else data)
    return other


def problems(path: Path, contract: Contract, folder: Path) -> list[tuple[object, ...]]:
    with parsed(path, contract.dialect, Limits(), folder) as read:
        (chunk,) = read.chunks
    typed = cast_chunk(chunk, {name: name for name in read.names}, contract)
    return [(each.line, each.column, each.value, each.rule) for each in typed.problems]


def test_error_cells_are_bad_cells_with_their_names(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        (1, 2.5, "ok", "#REF!"),
        (2, "#N/A", "ok"),
        (3, "#DIV/0!", "#REF!"),
        (4, None, "t=\"e\" <c t='e'>"),
    )
    assert problems(path, CONTRACT, tmp_path) == [
        (3, "price", "#N/A", "cell_error"),
        (4, "price", "#DIV/0!", "cell_error"),
        (4, "note", "#REF!", "cell_error"),
    ]
    assert list(sheet_rows(path, EXCEL, 1 << 24))[4] == (5, ["4", "", "t=\"e\" <c t='e'>", ""])


def test_an_error_that_the_contract_names_is_a_null(tmp_path: Path) -> None:
    path = workbook(tmp_path, (1, "#N/A", "#N/A"), (2, "#REF!", "ok"))
    named = replace(CONTRACT, dialect=replace(EXCEL, nulls=("", "#N/A")))
    assert problems(path, named, tmp_path) == [(3, "price", "#REF!", "cell_error")]


def test_an_error_that_calamine_does_not_know_refuses_no_sheet(tmp_path: Path) -> None:
    path = workbook(tmp_path, (1, "#N/A", "ok"), (2, 5, "ok"))
    part = "xl/worksheets/sheet1.xml"
    spilt = changed(path, tmp_path, part, "#N/A", "#SPILL!")
    assert problems(spilt, CONTRACT, tmp_path) == [(2, "price", "#SPILL!", "cell_error")]


def test_error_cells_of_ods(tmp_path: Path) -> None:
    name = "<text:p>english</text:p>"
    kind = 'office:value-type="string" calcext:value-type="string">'
    for value in (
        'office:value-type="string" office:string-value=""',
        'office:value-type="float" office:value="0"',
    ):
        error = f'table:formula="of:=1/0" {value} calcext:value-type="error">'
        path = changed(
            ODS, tmp_path, "content.xml", kind + name, f"{error}<text:p>#DIV/0!</text:p>"
        )
        rows = [cells for _, cells in sheet_rows(path, EXCEL, 1 << 24)]
        assert rows == [["id", "name"], ["1", "#DIV/0!"], ["2", "中国人"]]


def test_infer_points_out_errors_and_proposes_no_null_of_them(tmp_path: Path) -> None:
    path = workbook(tmp_path, *((at, at / 2, "ok") for at in range(30)), (31, "#N/A", "#REF!"))
    found = detect(path)
    assert found.dialect.nulls == ("",)
    assert found.columns[1].type is Type.NUMERIC
    (said,) = (each for each in found.findings if each.what == "error cells")
    assert (said.value, said.evidence.partition(";")[0]) == ("2", "the first is #N/A in B32")
    assert "#N/A" not in propose(found, "t", "t.xlsx", date(2026, 11, 24))


@settings(max_examples=60, deadline=None)
@given(before=st.integers(0, 60), block=st.integers(1, 40), sign=st.sampled_from(["'", '"']))
def test_no_tag_is_missed_where_blocks_meet(before: int, block: int, sign: str) -> None:
    tag = f"<c r={sign}B2{sign} t={sign}e{sign}>"
    text = "<v>" + "x" * before + f"</v>{tag}<v>#N/A</v></c><c t='s'/>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("sheet.xml", text)
    with zipfile.ZipFile(out) as book, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.parse.sheet_xml._BLOCK", block)
        pieces = list(_tags(book, book.infolist()[0]))
    assert b"".join(pieces).decode() == text
    mended = text.replace(tag, tag.replace(f"t={sign}e", f"t={sign}str"))
    assert b"".join(map(_as_text, pieces)).decode() == mended


def test_of_several_sheets_none_is_read_by_luck(tmp_path: Path) -> None:
    """A stale copy in the first sheet, the rows in the second: which is meant nobody can tell."""
    path = workbook(tmp_path, (1, 2, "x", ""))
    book = openpyxl.load_workbook(path)
    book.create_sheet("Empty", 0)
    lists = book.create_sheet("Lists", 0)
    lists.append(("yes", "no"))
    lists.sheet_state = "hidden"
    book.save(path)
    assert [cells for _, cells in sheet_rows(path, EXCEL, 1 << 24)][1][:3] == ["1", "2", "x"]
    book.create_sheet("Old", 0).append(("id", "price", "note"))
    book.save(path)
    with pytest.raises(DataError, match="names none of them: Old, Sheet") as refused:
        list(sheet_rows(path, EXCEL, 1 << 24))
    assert "dialect.sheet" in str(refused.value.hint)
    named = replace(EXCEL, sheet="Sheet")
    assert [cells for _, cells in sheet_rows(path, named, 1 << 24)][1][:3] == ["1", "2", "x"]
    [sheet] = [each for each in detect(path).findings if each.what == "sheet"]
    assert "ASK" in sheet.evidence
