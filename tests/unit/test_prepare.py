"""Staging a raw file: expectations, transform, threshold and counts that add up."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines import Feed
from pipelines.escape import harmless
from pipelines.prepare import Staged, stage_file
from pipelines.stage import read_rejects
from schemas.contract import Column, Contract, Expectation, TimePartition, Type
from schemas.errors import ContractError, DataError, TransformError
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


def contract(*rules: Expectation, **more: object) -> Contract:
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
    folder: Path, text: str, made: Contract, transform=total, block: int = 1 << 16, **more
) -> Staged:
    raw = folder / "raw.csv"
    raw.write_text(text)
    feed = Feed(name="t", source="s", match="*", contract="t", transform=transform, **more)
    return stage_file(raw, "f1", feed, made, folder, Limits(block_bytes=block))


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
    rows = pq.read_table(staged.rows).to_pylist()
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
    staged = stage(tmp_path, HEADER + lines, contract(row, table), language="es")
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
    with pytest.raises(TransformError, match="KeyError"):
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
