"""Staging a raw file: expectations, transform, threshold and counts that add up."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import Feed
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from pipelines.rejects.csv_file import write_rejected
from pipelines.rejects.escape import harmless
from pipelines.rejects.table import read_rejects
from pipelines.validate.great_expectations import check_frame
from schemas.contract import (
    Column,
    Contract,
    Duplicates,
    Expectation,
    FromNow,
    TimePartition,
    Type,
    Window,
)
from schemas.errors import ContractError, DataError, TransformError
from schemas.language import render
from schemas.limits import Limits

COLUMNS = (
    Column(name="id", type=Type.STRING, required=True, unique=True),
    Column(name="day", type=Type.DATE),
    Column(name="quantity", type=Type.INT64),
    Column(name="price", type=Type.NUMERIC, precision=12, scale=2),
    Column(name="total", type=Type.NUMERIC, precision=14, scale=2, derived=True, required=True),
)
AT_LEAST_ONE = Expectation(
    type="expect_column_values_to_be_between",
    kwargs={"column": "quantity", "min_value": 1},
    description="at least one must be ordered",
)


def contract(*rules: Expectation, **more: Any) -> Contract:
    return Contract(
        name="t",
        version="1",
        table="t",
        columns=COLUMNS,
        partition=TimePartition(column="day"),
        expectations=rules,
        **more,
    )


def total(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(total=frame.quantity * frame.price)


def stage(
    folder: Path,
    text: str,
    made: Contract,
    transform: Callable[[pd.DataFrame], pd.DataFrame] | None = total,
    block: int = 1 << 16,
    **more: Any,
) -> Staged:
    raw = folder / "raw.csv"
    raw.write_text(text)
    feed = Feed(name="t", source="s", match="*", contract="t", transform=transform, **more)
    return stage_file(raw, Terms.of("f1", feed, made, Limits(block_bytes=block), NOW), folder)


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEADER = "id,day,quantity,price\n"


def test_every_reason_of_every_bad_row_is_named_and_counts_add_up(tmp_path: Path) -> None:
    text = HEADER + "a,2026-11-01,2,1.50\n,2026-02-30,0,9.999\nc,2026-11-02,3\na,2026-11-03,1,1\n"
    staged = stage(tmp_path, text, contract(AT_LEAST_ONE, reject_threshold=0.9))
    assert (staged.counts.read, staged.counts.loaded, staged.counts.rejected) == (4, 1, 3)
    assert staged.partitions == ("2026-11-01",)
    rejects = read_rejects(staged.rejects)
    found = {
        row.line: sorted((p.column, p.rule) for p in row.problems if p.column)
        for row in rejects.rows
    }
    assert found == {
        3: [
            ("day", "type"),
            ("id", "required"),
            ("price", "scale"),
            ("quantity", "values_to_be_between"),
        ],
        4: [],
        5: [("id", "values_to_be_unique")],
    }
    rows = pq.read_table(staged.rows[0]).to_pylist()
    assert [(row["_etl_file"], row["_etl_row"], str(row["total"])) for row in rows] == [
        ("f1", 2, "3.00")
    ]


@pytest.mark.parametrize("whole", [False, True])
def test_transform_may_drop_rows_and_derived_rules_reject(tmp_path: Path, whole: bool) -> None:
    def dropping(frame: pd.DataFrame) -> pd.DataFrame:
        return total(frame[(frame.quantity != 5).fillna(True)])

    cheap = Expectation(
        type="expect_column_values_to_be_between", kwargs={"column": "total", "max_value": 100}
    )
    lines = [f"r{n},2026-11-01,{n},10" for n in range(1, 12)] + ["last,2026-11-01,,1"]
    made = contract(cheap)
    staged = stage(tmp_path, HEADER + "\n".join(lines), made, dropping, whole_file=whole)
    counts = staged.counts
    assert (counts.read, counts.loaded, counts.rejected, counts.dropped) == (12, 9, 2, 1)
    rejected = list(read_rejects(staged.rejects).rows)
    assert [(row.line, row.raw) for row in rejected] == [
        (12, "r11,2026-11-01,11,10"),
        (13, "last,2026-11-01,,1"),
    ]


def test_too_many_rejects_or_a_broken_table_rule_refuse_the_file(tmp_path: Path) -> None:
    bad = stage(tmp_path, HEADER + "a,x,1,1\nb,2026-11-01,1,1\nc,x,1,1\n", contract())
    assert bad.refusal is not None
    assert "2 of 3 rows are bad" in bad.refusal
    rows = Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 2})
    short = stage(tmp_path, HEADER + "a,2026-11-01,1,1\n", contract(rows))
    assert short.refusal is not None
    assert "found 1" in short.refusal


def test_a_warning_is_told_and_rejects_nothing(tmp_path: Path) -> None:
    row = Expectation(
        type="expect_column_values_to_be_between",
        kwargs={"column": "quantity", "max_value": 3},
        description="more than three is rare",
        severity="warning",
    )
    table = Expectation(
        type="expect_table_row_count_to_be_between", kwargs={"min_value": 9}, severity="warning"
    )
    lines = "".join(f"r{n},2026-11-01,{n},1\n" for n in range(6))
    staged = stage(tmp_path, HEADER + lines, contract(row, table))
    assert (staged.counts.loaded, staged.refusal) == (6, None)
    first, second = staged.warnings
    assert first.startswith("more than three is rare (")
    assert "6" in second
    assert "9" in second


def test_faults_of_transform_contract_and_file_are_told_apart(tmp_path: Path) -> None:
    text = HEADER + "a,2026-11-01,1,1\n"
    with pytest.raises(TransformError, match="lost the index"):
        stage(tmp_path, text, contract(), lambda f: total(f).reset_index(drop=True))
    with pytest.raises(TransformError, match="does not return total"):
        stage(tmp_path, text, contract(), lambda f: f)
    with pytest.raises(DataError, match=r"test_stage_file.py line \d+ on the row of line 2 "):
        stage(tmp_path, text, contract(), lambda f: f[["nope"]])
    wrong = Expectation(type="expect_column_values_to_be_between", kwargs={"column": "id"})
    with pytest.raises(ContractError, match="None"):
        stage(tmp_path, text, contract(wrong))
    with pytest.raises(DataError, match="column quantity is missing"):
        stage(tmp_path, "id,day,price\n", contract())


def test_chunks_make_no_difference(tmp_path: Path) -> None:
    lines = [f"r{n % 990},2026-11-{n % 28 + 1:02},{n % 50 + 1},1.5" for n in range(1000)]
    text = HEADER + "\n".join(lines)
    small = stage(tmp_path, text, contract(), block=512)
    assert (small.counts.loaded, small.counts.rejected) == (990, 10)
    assert len(small.partitions) == 28
    assert [row.line for row in read_rejects(small.rejects).rows] == list(range(992, 1002))


@pytest.mark.parametrize(
    ("cell", "safe"),
    [("=1+1", "'=1+1"), ("-5.2", "-5.2"), ("@cmd", "'@cmd"), ("+1", "+1"), ("-x", "'-x"), ("", "")],
)
def test_formula_cells_are_disarmed(cell: str, safe: str) -> None:
    assert harmless(cell) == safe


def rows_of(staged: Staged) -> list[tuple[str, int]]:
    return [(row["id"], row["_etl_row"]) for row in pq.read_table(staged.rows[0]).to_pylist()]


def reasons_of(staged: Staged) -> dict[int, list[str]]:
    rejected = read_rejects(staged.rejects).rows
    return {row.line: [problem.message for problem in row.problems] for row in rejected}


KEYED = tuple(replace(column, unique=False) for column in COLUMNS)


def keyed(**more: Any) -> Contract:
    return replace(contract(reject_threshold=0.5), columns=KEYED, primary_key=("id", "day"), **more)


@pytest.mark.parametrize(
    ("policy", "kept", "named"),
    [
        (Duplicates.FIRST, [2, 3, 5], {4: 2, 6: 2}),
        (Duplicates.LAST, [3, 5, 6], {2: 6, 4: 6}),
        (None, [3, 5, 6], {2: 6, 4: 6}),
        (Duplicates.REJECT, [3, 5], {2: 4, 4: 2, 6: 2}),
    ],
)
def test_which_row_of_a_key_is_kept_is_the_contracts(
    tmp_path: Path, policy: Duplicates | None, kept: list[int], named: dict[int, int]
) -> None:
    days = ["2026-11-01", "2026-11-02", "2026-11-01", "2026-11-03", "2026-11-01"]
    text = HEADER + "".join(f"a,{day},{n},1\n" for n, day in enumerate(days, start=1))
    # A row that is bad for another reason takes nobody's place.
    text += "a,2026-11-01,x,1\n"
    seen: list[int] = []

    def watching(frame: pd.DataFrame) -> pd.DataFrame:
        seen[:] = frame.index.tolist()
        return total(frame)

    made = keyed(duplicates=policy)
    staged = stage(
        tmp_path,
        text,
        replace(made, reject_threshold=0.8),
        watching,
        whole_file=True,
        write="merge",
    )
    assert [line for _, line in rows_of(staged)] == kept == seen
    reasons = reasons_of(staged)
    assert set(reasons) == {*named, 7}
    for line, other in named.items():
        assert f"line {other}" in reasons[line][0]
    assert staged.counts.read == staged.counts.loaded + staged.counts.rejected


def test_replaced_rows_do_not_make_a_file_bad(tmp_path: Path) -> None:
    text = HEADER + "a,2026-11-01,1,1\n" * 10
    staged = stage(tmp_path, text, keyed(), write="merge")
    assert staged.refusal is None
    assert rows_of(staged) == [("a", 11)]
    appended = stage(tmp_path, text, keyed())
    assert appended.counts.loaded == 10
    refused = stage(tmp_path, text, keyed(duplicates=Duplicates.FIRST))
    assert refused.refusal is not None


def test_a_row_without_its_whole_key_has_none(tmp_path: Path) -> None:
    text = HEADER + "a,,1,1\na,,1,1\nb,2026-11-01,1,1\n"
    staged = stage(tmp_path, text, keyed(duplicates=Duplicates.REJECT))
    assert staged.counts.loaded == 3


def test_chunks_and_keys_make_no_difference(tmp_path: Path) -> None:
    lines = [f"r{n % 700},2026-11-01,{n % 50 + 1},1.5" for n in range(1000)]
    staged = stage(tmp_path, HEADER + "\n".join(lines), keyed(), block=512, write="merge")
    assert sorted(line for _, line in rows_of(staged)) == list(range(302, 1002))
    assert list(reasons_of(staged)) == list(range(2, 302))


def test_mostly_is_a_share_of_the_whole_file(tmp_path: Path) -> None:
    rule = Expectation(
        type="expect_column_values_to_be_between",
        kwargs={"column": "quantity", "max_value": 10, "mostly": 0.9},
    )
    lines = [f"r{n},2026-11-01,{99 if n < 8 else 1},1" for n in range(100)]
    tolerated = stage(tmp_path, HEADER + "\n".join(lines), contract(rule), block=512)
    assert (tolerated.counts.loaded, tolerated.counts.rejected) == (100, 0)
    lines = [f"r{n},2026-11-01,{99 if n < 12 else 1},1" for n in range(100)]
    broken = stage(tmp_path, HEADER + "\n".join(lines), contract(rule), block=512)
    assert (broken.counts.loaded, broken.counts.rejected) == (88, 12)
    assert reasons_of(broken)[2] == ['"99" must be at most 10']


def test_warnings_are_told_and_reject_nothing(tmp_path: Path) -> None:
    rules = [
        replace(AT_LEAST_ONE, severity="warning", description=None),
        Expectation(
            type="expect_column_sum_to_be_between",
            kwargs={"column": "quantity", "min_value": 1000},
            severity="info",
        ),
        Expectation(
            type="expect_column_values_to_be_unique", kwargs={"column": "day"}, severity="warning"
        ),
    ]
    text = HEADER + "a,2026-11-01,0,1\nb,2026-11-02,5,1\nc,2026-11-01,-2,1\n"
    staged = stage(tmp_path, text, contract(*rules), block=40)
    assert staged.counts.loaded == 3
    assert staged.refusal is None
    assert tuple(render(each, "es") for each in staged.warnings) == (
        "quantity debe ser como mínimo 1 (no es así en 2 filas, la primera en la línea 2)",
        "day puede aparecer una sola vez en un archivo (no es así en la línea 4)",
        "la suma de quantity debe ser como mínimo 1.000; se encontró 3",
    )


def test_every_broken_rule_of_the_file_is_in_the_refusal(tmp_path: Path) -> None:
    def rule(name: str, **kwargs: object) -> Expectation:
        return Expectation(type=name, kwargs=kwargs)

    percent = {"operator": "mustBeLessThan", "min_value": 5, "max_value": 5, "unit": "percent"}
    made = contract(
        rule("odcs_null_values", column="quantity", **percent),
        rule("odcs_row_count", operator="mustNotBeBetween", min_value=1, max_value=5),
        rule("expect_column_max_to_be_between", column="day", min_value=FromNow(-timedelta(2))),
    )
    text = HEADER + "a,2026-11-01,,1\nb,2026-11-01,5,1\nc,2026-11-01,5,1\n"
    staged = stage(tmp_path, text, made, transform=lambda f: total(f).fillna({"total": 0}))
    assert staged.refusal == (
        "the percentage of rows without quantity must be less than 5; found 33.333;"
        " the number of rows must be not between 1 and 5; found 3;"
        " the largest value of day must be at least 22 Nov 2026; found 1 Nov 2026"
    ).replace("33.333", "33.3333")


def test_dates_beyond_the_window_are_typos_even_if_a_transform_makes_them(tmp_path: Path) -> None:
    text = HEADER + "a,2206-11-01,1,1\nb,2016-11-24,1,1\nc,2016-11-23,1,1\nd,2027-11-24,1,1\n"
    staged = stage(tmp_path, text, contract())
    assert list(reasons_of(staged)) == [2, 4]
    assert "24 Nov 2016 and 24 Nov 2027" in reasons_of(staged)[2][0]
    derived = replace(
        contract(), columns=(*COLUMNS[:-1], Column(name="total", type=Type.DATE, derived=True)),
        partition=TimePartition(column="total"), window=Window(years_back=1, years_ahead=0),
    )  # fmt: skip
    late = stage(tmp_path, text, derived, lambda f: f.assign(total=f.day))
    assert late.counts.loaded == 0
    assert all("24 Nov 2025 and 24 Nov 2026" in told[0] for told in reasons_of(late).values())


def test_comparing_with_nothing_breaks_no_rule(tmp_path: Path) -> None:
    pair = Expectation(
        type="expect_column_pair_values_a_to_be_greater_than_b",
        kwargs={"column_A": "quantity", "column_B": "price"},
    )
    text = HEADER + "a,2026-11-01,,1\nb,2026-11-01,5,9\nc,2026-11-01,5,1\n"
    filled = lambda f: total(f).fillna({"total": 0})  # noqa: E731
    staged = stage(tmp_path, text, contract(pair), filled)
    assert reasons_of(staged) == {3: ["quantity must be greater than price"]}


def test_an_empty_file_breaks_only_rules_about_counts(tmp_path: Path) -> None:
    rules = [
        Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 1}),
        Expectation(
            type="expect_column_max_to_be_between", kwargs={"column": "quantity", "min_value": 1}
        ),
    ]
    staged = stage(tmp_path, HEADER, contract(*rules))
    assert staged.refusal == "the number of rows must be at least 1; found 0"


BOUNDS = [
    ("n", pa.decimal128(9, 2), [Decimal(1), Decimal(2), None, Decimal(3)], Decimal(2)),
    ("i", pa.int64(), [1, 2, None, 3], 2),
    ("f", pa.float64(), [1.0, 2.0, None, 3.0], 2.0),
    ("d", pa.date32(), [date(2026, 1, day) if day else None for day in (1, 2, 0, 3)],
     date(2026, 1, 2)),
    ("t", pa.timestamp("us", "UTC"),
     [datetime(2026, 1, day, tzinfo=UTC) if day else None for day in (1, 2, 0, 3)],
     datetime(2026, 1, 2, tzinfo=UTC)),
    ("c", pa.time64("us"), [time(1), time(2), None, time(3)], time(2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "values", "bound"), BOUNDS)
def test_bounds_of_every_type(
    name: str, kind: pa.DataType, values: list[object], bound: object
) -> None:
    frame = pa.table({name: pa.array(values, kind)}).to_pandas(types_mapper=pd.ArrowDtype)

    def blamed(**kwargs: object) -> tuple[int, ...]:
        rule = Expectation(
            type="expect_column_values_to_be_between", kwargs={"column": name, **kwargs}
        )
        return next((each.positions for each in check_frame(frame, [rule])), ())

    assert blamed(min_value=bound) == (0,)
    assert blamed(max_value=bound) == (3,)
    assert blamed(min_value=bound, strict_min=True) == (0, 1)
    assert blamed(max_value=bound, strict_max=True) == (1, 3)
    with pytest.raises(ContractError, match="cannot be compared"):
        blamed(min_value="x")


def test_lengths_are_those_of_characters(tmp_path: Path) -> None:
    rule = Expectation(
        type="expect_column_value_lengths_to_be_between",
        kwargs={"column": "id", "min_value": 2, "max_value": 3, "strict_min": True},
    )
    text = HEADER + "".join(f"{name},2026-11-01,1,1\n" for name in ("ñññ", "áá", "abcd"))
    staged = stage(tmp_path, text, contract(rule, reject_threshold=0.9))
    assert reasons_of(staged) == {
        3: ['the length of "áá" must be more than 2 and at most 3'],
        4: ['the length of "abcd" must be more than 2 and at most 3'],
    }


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_rejects_file_has_the_line_ends_of_its_original(tmp_path: Path, end: str) -> None:
    (tmp_path / "raw.csv").write_bytes(f"{HEADER}a,2026-11-01,two,1\n".replace("\n", end).encode())
    feed = Feed(name="t", source="s", match="*", contract="t", transform=total)
    made = contract(reject_threshold=1)
    staged = stage_file(tmp_path / "raw.csv", Terms.of("f1", feed, made, Limits(), NOW), tmp_path)
    with staged.rejects.open("rb") as kept:
        write_rejected(kept, tmp_path / "bad.csv", made.dialect, lambda row: None)
    written = (tmp_path / "bad.csv").read_bytes()
    assert written.count(end.encode()) == written.count(b"\n") == 2


OF_SHOP = (
    Column(name="id", type=Type.STRING, required=True, unique=True),
    Column(name="quantity", type=Type.INT64, required=True, headers=("Qty (pcs)",)),
    Column(name="shop", type=Type.STRING, headers=("Filiale",)),
)


def test_reasons_name_the_columns_as_the_senders_own_header_does(tmp_path: Path) -> None:
    """A sender has never seen the contract: `quantity` stands nowhere in their file."""
    both = Expectation(
        type="expect_compound_columns_to_be_unique", kwargs={"column_list": ["quantity", "shop"]}
    )
    rare = Expectation(
        type="expect_column_values_to_be_between",
        kwargs={"column": "quantity", "max_value": 5},
        severity="warning",
    )
    made = replace(contract(both, rare, reject_threshold=1.0), columns=OF_SHOP, partition=None)
    text = "ID,qty  (pcs),Filiale\na,x,s\nb,,s\nc,7,s\nd,7,s\na,1,t\n"
    staged = stage(tmp_path, text, made, None)
    found = [each for row in read_rejects(staged.rejects).rows for each in row.problems]
    assert [(each.line, each.column, each.header, each.message) for each in found] == [
        (2, "quantity", "qty (pcs)", '"x" is not a whole number such as 1234'),
        (3, "quantity", "qty (pcs)", "qty (pcs) is empty and must not be"),
        (5, None, None, '"7" / "s" came already on line 4; qty (pcs), Filiale may come once in a'
         " file"),
    ]  # fmt: skip
    assert "the value of qty (pcs) must" in staged.warnings[0] or "qty (pcs)" in staged.warnings[0]
    assert "quantity" not in staged.warnings[0]
    sent = tmp_path / "sent.csv"
    with staged.rejects.open("rb") as file:
        write_rejected(file, sent, made.dialect, lambda row: None, "f1")
    lines = sent.read_text().splitlines()
    assert lines[0] == "ID,qty  (pcs),Filiale,_line,_error,_file"
    assert lines[2] == "b,,s,3,qty (pcs): qty (pcs) is empty and must not be,f1"


def test_lines_that_sentences_name_are_told_with_their_member(tmp_path: Path) -> None:
    """Line 2 of which of them? Both have one."""
    rare = replace(AT_LEAST_ONE, severity="warning")
    raw = tmp_path / "raw.zip"
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("north.csv", HEADER + "a,2026-11-01,2,1\n")
        archive.writestr("south.csv", HEADER + "b,2026-11-01,0,1\na,2026-11-01,1,1\n")
    made = contract(rare, reject_threshold=1.0)
    feed = Feed(name="t", source="s", match="*", contract="t", transform=total)
    staged = stage_file(raw, Terms.of("f1", feed, made, Limits(), NOW), tmp_path)
    [row] = read_rejects(staged.rejects).rows
    assert (row.member, row.line) == ("south.csv", 3)
    assert "came already on line 2 of north.csv;" in row.problems[0].message
    assert "2 von north.csv" in row.render("de")[0]
    assert staged.warnings[0].endswith("(not so on line 2 of south.csv)")
    assert render(staged.warnings[0], "de").endswith("(nicht so in Zeile 2 von south.csv)")
