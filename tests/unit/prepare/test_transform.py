"""Transforms: what a feed's pandas function gets, and what becomes of its faults."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas import DataFrame

from connectors.bigquery.capabilities import BIGQUERY
from pipelines.feed import Feed
from pipelines.operations.dry_run import check
from pipelines.prepare.decimals import with_decimals
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from schemas.arrow import to_pandas
from schemas.contract import Column, Contract, Type
from schemas.errors import ConfigError, DataError
from schemas.limits import Limits

COLUMNS = (
    Column(name="id", type=Type.STRING, required=True),
    Column(name="amount", type=Type.NUMERIC, precision=12, scale=2),
    Column(name="n", type=Type.INT64),
)
CONTRACT = Contract(
    name="t", version="1", table="t",
    columns=(
        *COLUMNS, Column(name="share", type=Type.NUMERIC, precision=12, scale=4, derived=True)
    ),
)  # fmt: skip


def feed_of(transform: Callable[[DataFrame], DataFrame], **more: Any) -> Feed:
    return Feed(name="t", source="s", match="*", contract="t", transform=transform, **more)


def staged(
    folder: Path, count: int, feed: Feed, made: Contract = CONTRACT, **limits: Any
) -> tuple[Staged, list[dict[str, Any]]]:
    path = folder / "f.csv"
    path.write_text("id,amount,n\n" + "".join(f"r{n},{n}.50,{n}\n" for n in range(1, count + 1)))
    terms = Terms.of("x", feed, made, Limits(block_bytes=256, **limits))
    found = stage_file(path, terms, folder)
    return found, [row for part in found.rows for row in pq.read_table(part).to_pylist()]


def shared(rows: DataFrame) -> DataFrame:
    return rows.assign(share=rows.amount / rows.amount.sum())


def test_a_transform_gets_the_whole_file_and_divides_at_the_contracts_scale(tmp_path: Path) -> None:
    found, rows = staged(tmp_path, 500, feed_of(shared))
    total = sum(Decimal(n) + Decimal("0.5") for n in range(1, 501))
    assert [row["share"] for row in rows] == [
        ((n + Decimal("0.5")) / total).quantize(Decimal("0.0001")) for n in range(1, 501)
    ]
    assert found.counts.loaded == 500


def test_one_that_takes_pieces_gets_pieces_and_check_names_rows_that_differ(tmp_path: Path) -> None:
    pieces = feed_of(shared, chunked=True)
    _, rows = staged(tmp_path, 500, pieces)
    assert sum(row["share"] for row in rows) > 2
    checked = check(tmp_path / "f.csv", pieces, CONTRACT, Limits(), tmp_path, capabilities=BIGQUERY)
    assert "share is " in checked.uneven[0]
    by_row = feed_of(lambda rows: rows.assign(share=rows.amount / 2), chunked=True)
    folder = tmp_path / "two"
    folder.mkdir()
    assert (
        check(tmp_path / "f.csv", by_row, CONTRACT, Limits(), folder, capabilities=BIGQUERY).uneven
        == ()
    )


def test_a_file_too_large_for_a_frame_says_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than the 1,000 that") as error:
        staged(tmp_path, 500, feed_of(shared), frame_bytes=1000)
    assert "chunked=True in dags/t.py" in str(error.value.hint)
    assert "limits.frame_bytes" in str(error.value.hint)
    found, _ = staged(tmp_path, 500, feed_of(shared, chunked=True), frame_bytes=1000)
    assert found.counts.loaded == 500


def test_rows_may_be_summed_up_and_are_counted(tmp_path: Path) -> None:
    def summed(rows: DataFrame) -> DataFrame:
        groups = rows.assign(id=["high" if n > 5 else "low" for n in rows.n])
        return groups.groupby("id", as_index=False)[["amount", "n"]].sum().assign(share=None)

    found, rows = staged(tmp_path, 10, feed_of(summed, lineage="file"))
    assert {row["id"]: row["n"] for row in rows} == {"low": 15, "high": 40}
    assert [row["_etl_row"] for row in rows] == [1, 2]
    counts = found.counts
    assert (counts.read, counts.loaded, counts.dropped, counts.aggregated) == (10, 2, 0, 8)
    with pytest.raises(ConfigError, match="pieces of a file"):
        feed_of(summed, lineage="file", chunked=True)


def test_a_fault_fails_the_file_and_names_code_row_and_value(tmp_path: Path) -> None:
    def faulty(rows: DataFrame) -> DataFrame:
        return rows.assign(share=[10 / (amount - Decimal("7.50")) for amount in rows.amount])

    with pytest.raises(DataError, match=r"transform.py line \d+ on the row of line 8 \(id: r7"):
        staged(tmp_path, 20, feed_of(faulty))


@pytest.mark.parametrize("digits", [(38, 9), (12, 2), (5, 0)])
def test_decimals_calculate_like_decimals(digits: tuple[int, int]) -> None:
    values = [Decimal(10), Decimal(3), None, Decimal(-7)]
    column = pa.array(values, pa.decimal128(*digits))
    frame = with_decimals(to_pandas(pa.table({"a": column, "n": pa.array([2, 3, 4, 5])})))

    def told(series: Any) -> list[Decimal | None]:
        return [
            None if value is None or value != value else value
            for value in series.array.__arrow_array__().to_pylist()
        ]

    unit = Decimal("0.000000001")
    assert told(frame.a + frame.a) == [20, 6, None, -14]
    assert told(frame.a * frame.a * frame.a) == [1000, 27, None, -343]
    assert told(frame.n * frame.a) == [20, 9, None, -35]
    assert told(1 - frame.a) == [-9, -2, None, 8]
    assert told(frame.a / frame.n) == [5, 1, None, Decimal("-1.4")]
    assert told(frame.a / 3) == [Decimal(10) / 3 // unit * unit, 1, None, Decimal("-2.333333333")]
    assert told(frame.n / frame.a)[1:] == [1, None, (Decimal(5) / -7).quantize(unit)]


def test_decimals_round_half_away_from_zero(tmp_path: Path) -> None:
    def halved(rows: DataFrame) -> DataFrame:
        return rows.assign(share=rows.amount / 1000)

    _, rows = staged(tmp_path, 2, feed_of(halved))
    assert [row["share"] for row in rows] == [Decimal("0.0015"), Decimal("0.0025")]
