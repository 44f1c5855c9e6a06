"""Cases after public bug reports: no row vanishes, no value changes, and nothing is guessed.

Each file goes the whole way: `infer`, the contract that it proposes, `check` under that. What is
expected was read from the raw files by a person.
"""

import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from folders import ROOT
from pipelines.detect import detect
from pipelines.prepare.stage_file import Terms, stage_file
from pipelines.rejects.table import read_rejects
from schemas.contract import Type
from schemas.errors import DataError
from schemas.file import Outcome
from schemas.limits import Limits
from whole_way import FEED, Seen, proposed, seen

DATA = ROOT / "tests" / "data" / "cases"
NAN = float("nan")


def whole_way(name: str, under: str | None = None) -> Seen:
    """A file under the contract that is proposed from it, or from another."""
    return seen(DATA / name, proposed(DATA / (under or name))[1])


LOADED: Sequence[tuple[str, list[tuple[Any, ...]]]] = [
    ("01-na-null-from-other-column/sales.csv", [
        ("ES", 10), ("NA", 20), ("FR", None), ("DE", 40), ("IT", 50), ("PT", 60), ("NA", 70),
        ("SE", 80)]),
    ("02-google-ads-totals/grand.csv", [
        ("Grand Rapids", "S01", D("120.50")), ("Boston", "S02", D("99")),
        ("Grand Junction", "S03", D("75.25")), ("Austin", "S04", D("61"))]),
    ("03-footer-pinned/a.csv", [
        (date(2026, 1, 2), "A1", D("10.5")), (date(2026, 1, 3), "A2", D("11.5")),
        (date(2026, 1, 4), "A3", D("12.5"))]),
    ("04-mysql-backslash-N/default.tsv", [
        (1, "Ann", None, D("10.5")), (2, None, "red", None), (3, "Bo", "blue", D("12.5")),
        (4, "Cy", "blue", D("13.5"))]),
    ("04-mysql-backslash-N/out.tsv", [
        (1, 'Ann "A" Lee', "red", D("10.5")), (2, None, None, D("11.5")),
        (3, "Bo, Co", "blue", None), (4, "Cy\tX", "blue", D(12))]),
    ("04-mysql-backslash-N/outfile.csv", [
        (1, 'Ann "A" Lee', "red", D("10.5")), (2, None, None, D("11.5")),
        (3, 'Bo, "Co"', "blue", None), (4, "Cy", None, D("12.5"))]),
    ("05-bom-in-middle/cat.csv", [
        (1, "Lyon", date(2026, 1, 1)), (2, "Nice", date(2026, 1, 2)), (3, "Pau", date(2026, 1, 3)),
        (4, "Brest", date(2026, 1, 4))]),
    ("05-bom-in-middle/cat_text.csv", [
        ("A", "Lyon", "x"), ("B", "Nice", "y"), ("C", "Pau", "z"), ("D", "Brest", "z")]),
    ("10-headers-fold-same/case.csv", [(1, 9, "a", "b"), (2, 8, "c", "d")]),
    ("11-plus-phone/people.csv", [
        ("ann", "+34600111222", 28001), ("bob", "+34600111333", 28002),
        ("cy", "+34600111444", 28003), ("dee", "+34600111555", 28004)]),
    ("12-sku-exponent/stock.csv", [
        ("10021", 1), ("10022", 2), ("12E3", 4), ("10024", 5), ("10025", 6), ("1E100", 7),
        ("10027", 8)]),
    ("14-merged-header/h.xlsx", [
        ("North", 1, D("10.5"), 2, D("20.5")), ("South", 3, D("30.5"), 4, D("40.5")),
        ("East", 5, D("50.5"), 6, D("60.5"))]),
    ("14-merged-header/v.xlsx", [
        ("North", "Lille", D("1.5")), ("North", "Arras", D("2.5")), ("North", "Lens", D("3.5")),
        ("South", "Nice", D("4.5")), ("South", "Toulon", D("5.5"))]),
    ("18-float-noise/excel.xlsx", [
        ("I0", D("0.3")), ("I1", D("59.97")), ("I2", D(435)), ("I3", D("33.1")), ("I4", D("1.1"))]),
    ("23-durations/ms.xlsx", [("a", "00:01:30.334"), ("b", "-01:30:00"), ("c", "25:30:00")]),
    ("26-equals-quoted/e.csv", [
        ("00123", "01007", 5), ("00456", "02134", 6), ("00789", "00501", 7)]),
    ("26-equals-quoted/e2.csv", [("00123", "01007", 5), ("00456", "02134", 6)]),
    ("27-utf8-under-cp1252/a.csv", [(1, "Málaga"), (2, "Orléans"), (3, "Köln")]),
    ("29-json-array/a.json", [(1, "x"), (2, "y")]),
    ("29-json-array/pretty.json", [(1, "x"), (2, "y")]),
    ("35-norway/no.csv", [("NO", 1), ("NO", 2), ("NO", 3)]),
    ("35-norway/sino.csv", [("NO", 1), ("SI", 2), ("NO", 3), ("SI", 4)]),
    ("41-two-digit-year/dob.csv", [
        ("ann", date(1955, 5, 12)), ("bob", date(1961, 2, 28)), ("cy", date(1972, 11, 30)),
        ("dee", date(2003, 7, 15))]),
    ("57-zip-format-00000/z.xlsx", [("Ware", "01082"), ("Boston", "02134"), ("Reno", "89501")]),
    ("59-encodings/he.csv", [("ירושלים", 3), ("חיפה", 5), ("אילת", 3)]),
    ("59-encodings/tr.csv", [("İstanbul", 3), ("Iğdır", 5), ("Muğla", 8)]),
    ("64-oracle-ts/o.csv", [
        (1, datetime(2026, 1, 5, 10, 15, 30, 123456)), (2, datetime(2026, 1, 16, 23, 15, 30)),
        (3, datetime(2026, 2, 17, 13, 15, 30, 500000))]),
    ("64-oracle-ts/c14.csv", [
        (1, datetime(2026, 1, 5, 10, 15, 30)), (2, datetime(2026, 1, 16, 23, 15, 30)),
        (3, datetime(2026, 2, 17, 13, 15, 30))]),
    ("70-jsonl/a.jsonl", [
        ("28001", D(1), '["a"]', True), ("28002", D(2), "[]", False),
        ("28003", D("3.5"), None, None)]),
    ("70-jsonl/bom.jsonl", [(1, "x"), (2, "y")]),
    ("77-comment-hash/a.csv", [(1001, D(5)), (1002, D(6)), (1003, D(7))]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows"), LOADED, ids=[name for name, _ in LOADED])
def test_a_file_loads_what_a_person_reads_in_it(name: str, rows: list[tuple[Any, ...]]) -> None:
    found = whole_way(name)
    assert found.checked.outcome is Outcome.ACCEPTED, found.checked.reason
    assert found.rows == rows


def test_only_rows_that_are_totals_are_passed_over() -> None:
    ads = whole_way("02-google-ads-totals/ads.csv")
    assert [row[0] for row in ads.rows] == [
        "Brand", "Total Care generic", "Shoes - summer", "Hotels",
    ]  # fmt: skip
    assert ads.passed == {"preamble": 2, "total": 2}
    ragged = whole_way("02-google-ads-totals/ragged.csv")
    assert [row[0] for row in ragged.rows] == ["Acme", "Zed"]
    assert ragged.rejected == [(3, "columns")]
    assert ragged.passed == {"total": 1}


def test_a_footer_that_is_not_there_takes_no_row() -> None:
    found = whole_way("03-footer-pinned/b.csv", under="03-footer-pinned/a.csv")
    assert [row[1] for row in found.rows] == ["A1", "A2", "A3"]
    assert found.passed == {}


@pytest.mark.parametrize("name", ["exact.xlsx", "excel.xlsx", "ids.xlsx"])
def test_numbers_that_a_sheet_does_not_keep_are_refused(name: str) -> None:
    found = whole_way(f"06-excel-long-id/{name}")
    assert {rule for _, rule in found.rejected} == {"inexact"}
    assert found.rows == []


def test_a_formula_that_was_never_calculated_is_no_empty_cell() -> None:
    found = whole_way("07-formula-no-cache/f.xlsx")
    assert [rule for _, rule in found.rejected] == ["uncalculated"] * 3
    assert found.checked.counts.loaded == 0


def test_headers_of_one_name_are_told_apart_by_their_signs() -> None:
    found = whole_way("10-headers-fold-same/prices.csv")
    assert found.checked.outcome is Outcome.ACCEPTED
    assert found.rows[0][1:3] == (D("10.5"), D("11.5"))


def test_merged_headers_name_each_of_their_columns() -> None:
    _, made = proposed(DATA / "14-merged-header" / "h.xlsx")
    assert [each.headers[0] for each in made.columns[1:]] == [
        "Q1 Units", "Q1 Revenue", "Q2 Units", "Q2 Revenue",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["b.csv", "mixed.csv"])
def test_utf8_under_an_encoding_of_single_bytes_is_quarantined(name: str) -> None:
    found = whole_way(f"27-utf8-under-cp1252/{name}", under="27-utf8-under-cp1252/a.csv")
    assert found.checked.outcome is Outcome.QUARANTINED
    assert 'line 2 is UTF-8 text ("Málaga")' in str(found.checked.reason)
    assert found.checked.accounted is not None
    assert found.checked.accounted.unread == 4


def test_one_object_around_the_rows_is_named() -> None:
    with pytest.raises(DataError, match='rows seem to stand under "data"'):
        detect(DATA / "29-json-array" / "wrapped.json")


@pytest.mark.parametrize("name", ["29-json-array/glued.jsonl", "36-line-ends/mixed.csv"])
def test_a_broken_line_is_named_in_words_of_ours(name: str) -> None:
    found = whole_way(name)
    told = [text for each in found.checked.rejects for _, text, _ in each.examples]
    assert told
    assert not any(word in text for text in told for word in ("Extra data", "newline", "Expecting"))


def test_a_total_below_padded_lines_is_named() -> None:
    found = whole_way("54-padded-preamble/p.csv")
    assert found.rejected == [(8, "total")]
    assert [row[0] for row in found.rows] == ["A1", "A2", "A3"]
    assert found.passed == {"preamble": 3}


def test_types_of_parquet_are_its_own() -> None:
    found = whole_way("58-parquet/a.parquet")
    assert found.checked.outcome is Outcome.ACCEPTED
    assert found.rows[0][1] == 1.5
    assert found.rows[1][1] != found.rows[1][1]
    assert found.rows[0][5] == datetime(2026, 1, 5, 9, 50, tzinfo=UTC)
    _, made = proposed(DATA / "58-parquet" / "flo.parquet")
    assert [each.type for each in made.columns] == [Type.STRING, Type.FLOAT64, Type.FLOAT64]
    assert whole_way("58-parquet/dur.parquet").rows == [(1, "01:00:00"), (2, "30:00:00")]


@pytest.mark.parametrize(
    ("name", "what"),
    [("h.xls", "a web page"), ("tbl.xls", "a web page"), ("x.xls", "a spreadsheet in XML")],
)
def test_what_is_named_xls_and_is_none_is_said(name: str, what: str) -> None:
    with pytest.raises(DataError, match=what) as error:
        detect(DATA / "61-html-xls" / name)
    assert "save it as .xlsx" in str(error.value.hint)


def test_columns_of_one_name_never_swap() -> None:
    folder = "67-dup-names-same-types"
    assert whole_way(f"{folder}/a.csv").rows[0] == ("A", D("1.5"), D("2.5"), D("0.5"))
    for name, told in (("b.csv", 'column 2 is "cost"'), ("noheader.csv", 'column 1 is "A"')):
        found = whole_way(f"{folder}/{name}", under=f"{folder}/a.csv")
        assert found.checked.outcome is Outcome.QUARANTINED
        assert told in str(found.checked.reason)


def test_nan_of_json_is_a_float() -> None:
    rows = whole_way("70-jsonl/nan.jsonl").rows
    assert rows[0][1] != rows[0][1]
    assert rows[1:] == [(2, 1.5), (3, None)]


def test_orders_that_begin_like_comments_are_named() -> None:
    found = whole_way("77-comment-hash/b.csv", under="77-comment-hash/a.csv")
    assert found.rejected == [(3, "comment"), (4, "comment")]
    assert found.passed == {"comment": 1}


FILES = sorted(path for path in DATA.rglob("*.*") if path.is_file())
REAL = DATA.parent / "real"


@pytest.mark.parametrize(
    "path",
    [*FILES, *sorted(path for path in REAL.rglob("*.*") if path.is_file())],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_a_proposed_contract_is_accepted_by_check_on_its_own_file(path: Path) -> None:
    try:
        found, made = proposed(path)
    except DataError:
        return
    if not found.columns:
        return
    told = seen(path, made)
    refused = ("bad, more than", "partitions")
    reason = told.checked.reason or ""
    assert not reason or any(word in reason for word in refused), reason
    assert told.passed is not None


NAMES = st.sampled_from(
    ["Total", "TOTAL", "Grand Total", "Total Care", "Totalenergies", "Summe", "Gesamt", "#1004",
     "# 7", "//x", "--", "Generated by X", "Notes", "name", "Name", "Page 1", "NA", "NO", "SI",
     "+34600111222", "12E3", "N/A", "Acme", "Ben, Co", "é", "rows: 3"]
)  # fmt: skip
ROWS = st.lists(st.tuples(NAMES, st.integers(0, 40), st.integers(1, 28)), min_size=4, max_size=25)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(rows=[("Total", 0, 1), ("Total", 0, 1), ("NA", 0, 4), ("NO", 0, 1)], title="", note="",
         footer="")  # fmt: skip
@example(rows=[("--", 4, 4), ("NA", 2, 19), ("Total", 39, 16), ("12E3", 32, 6)], title="", note="",
         footer="")  # fmt: skip
@given(
    rows=ROWS, title=st.sampled_from(["", "Report of shops"]),
    note=st.sampled_from(["", "# made by hand", "Generated by BankX on 2026-01-05"]),
    footer=st.sampled_from(["", "End of report", "Total,{},", "Printed 2026-01-05"]),
)  # fmt: skip
def test_every_row_comes_back_or_is_named(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, int, int]], title: str, note: str, footer: str,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("rows") / "f.csv"
    lines = [title] * bool(title) + [note] * bool(note) + ["name,qty,day"]
    first = len(lines) + 1
    for name, qty, day in rows:
        shown = f'"{name}"' if "," in name else name
        lines.append(f"{shown},{qty},2026-01-{day:02}")
    lines += [footer.format(sum(row[1] for row in rows))] * bool(footer)
    path.write_text("\n".join(lines) + "\n")
    _, made = proposed(path)
    with tempfile.TemporaryDirectory() as folder:
        staged = stage_file(path, Terms.of("x", FEED, made, Limits()), Path(folder))
        loaded = {
            row.pop("_etl_row"): row
            for part in staged.rows for row in pq.read_table(part).to_pylist()
        }  # fmt: skip
        named = {row.line for row in read_rejects(staged.rejects).rows}
    assert staged.accounted.adds_up
    names = [column.name for column in made.columns]
    for line, (name, qty, day) in enumerate(rows, start=first):
        if line in loaded:
            cells = [loaded[line][each] for each in names]
            assert cells[0] in (name, None if name in ("N/A",) else name)
            assert str(cells[1]) in (str(qty), "True" if qty else "False")
            assert cells[2] == date(2026, 1, day)
        elif line not in named:
            # Only what says that it is a total, and adds up, may be passed over.
            assert re.fullmatch(r"(?i)(grand )?total|summe|gesamt", name), (
                line,
                name,
                made.dialect,
            )
            assert staged.accounted.total
