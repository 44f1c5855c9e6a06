"""The governor's policy: no day's quota is ever reached, and nothing waits without need."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bigquery.capabilities import BIGQUERY
from pipelines.load.step import _BatchBisector
from pipelines.quota import LoadAllowance
from pipelines.quota import decide as decided
from quota_day import simulate
from schemas.batch import Batch
from schemas.file import File, Status
from schemas.item import Item
from schemas.limits import Limits, Quotas
from schemas.quota import Spent

LIMITS = Limits(batch_files=100)
MORNING = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)  # 8 in the morning in California


def decide(quotas: Quotas, limits: Limits, spent: Spent, now: datetime) -> LoadAllowance:
    return decided(quotas, limits, spent, now, BIGQUERY)


def test_a_quota_day_ends_at_midnight_pacific_also_when_clocks_change() -> None:
    assert BIGQUERY.quota_day(datetime(2026, 11, 3, 7, 59, tzinfo=UTC)) == "2026-11-02"
    assert BIGQUERY.quota_day(datetime(2026, 11, 3, 8, 0, tzinfo=UTC)) == "2026-11-03"
    assert BIGQUERY.day_ends(MORNING) == datetime(2026, 11, 4, 8, 0, tzinfo=UTC)
    autumn = datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
    assert BIGQUERY.day_ends(autumn) - autumn == timedelta(hours=24, minutes=30)


def test_a_plentiful_budget_holds_nobody_up() -> None:
    room = decide(Quotas(), LIMITS, Spent(charges=300, load_jobs=600, last_at=MORNING), MORNING)
    assert (room.files, room.pause) == (100, None)


def test_a_low_budget_makes_batches_larger_and_rarer() -> None:
    quotas = Quotas(table_load_jobs=1000, share=1)
    spent = Spent(charges=600, load_jobs=600, last_at=MORNING)
    room = decide(quotas, LIMITS, spent, MORNING)
    assert room.files == 1000
    assert room.scarce
    assert room.pause is not None
    # 16 hours for the 400 batches left
    assert room.pause.until - MORNING == timedelta(hours=16) / 400
    assert decide(quotas, LIMITS, spent, room.pause.until).pause is None


@pytest.mark.parametrize(
    ("spent", "why"),
    [
        (Spent(charges=5, load_jobs=1349), "the table's 1,350 load jobs"),
        (Spent(charges=5, load_jobs=5, partitions=23_001), "the table's 27,000 partition changes"),
    ],
)
def test_a_spent_budget_waits_for_the_next_day(spent: Spent, why: str) -> None:
    room = decide(Quotas(), LIMITS, spent, MORNING)
    assert room.pause is not None
    assert room.pause.until == BIGQUERY.day_ends(MORNING)
    assert why in room.pause.reason
    assert "midnight Pacific" in room.pause.reason
    assert decide(Quotas(), LIMITS, Spent(), BIGQUERY.day_ends(MORNING)).pause is None


def test_the_project_shares_its_load_jobs_at_the_pace_they_refill() -> None:
    quotas, now = Quotas(), MORNING
    bucket = quotas.load_bucket
    empty = decide(quotas, LIMITS, Spent(tokens=0), now)
    assert empty.pause is not None
    assert empty.pause.until - now == timedelta(seconds=2 / bucket.per_second)
    busy = Spent(tokens=bucket.capacity / 4, busy_tables=300, charges=1, last_at=now)
    room = decide(quotas, LIMITS, busy, now)
    assert (room.files, room.scarce) == (1000, True)
    assert room.pause is not None
    # 300 tables in turn, one load job each: as many as refill meanwhile.
    assert room.pause.until - now == timedelta(seconds=300 / bucket.per_second)
    assert decide(quotas, LIMITS, busy, room.pause.until).pause is None
    full = replace(busy, tokens=bucket.capacity)
    assert decide(quotas, LIMITS, full, now) == LoadAllowance(files=100)


def test_many_tables_stay_within_the_quotas_and_nothing_is_late() -> None:
    """The bench's day of 50,000 files an hour over 300 tables, for two hours of it."""
    day = simulate(hours=2, files_an_hour=50_000, tables=300)
    assert day.refused == 0
    assert day.files == pytest.approx(100_000, rel=0.05)
    assert day.latest < timedelta(minutes=10)


@given(
    jobs=st.integers(10, 200),
    share=st.floats(0.3, 1),
    sizes=st.lists(st.tuples(st.integers(1, 2), st.integers(0, 4000)), min_size=1, max_size=400),
)
def test_whatever_arrives_a_day_stays_below_its_quotas(
    jobs: int, share: float, sizes: list[tuple[int, int]]
) -> None:
    """Batches as fast as they are let through, for a day: only the first may be let off."""
    quotas = Quotas(table_load_jobs=jobs, share=share)
    now, spent = MORNING, Spent()
    for load_jobs, partitions in sizes:
        while (room := decide(quotas, LIMITS, spent, now)).pause is not None:
            assert room.pause.until > now
            now = room.pause.until
            if BIGQUERY.quota_day(now) != BIGQUERY.quota_day(MORNING):
                break
        if BIGQUERY.quota_day(now) != BIGQUERY.quota_day(MORNING):
            break
        spent = Spent(
            charges=spent.charges + 1,
            load_jobs=spent.load_jobs + load_jobs,
            partitions=spent.partitions + partitions,
            last_at=now,
        )
    assert spent.load_jobs <= max(jobs * share, 2)
    assert spent.partitions <= max(30_000 * share, BIGQUERY.max_partitions)


@settings(max_examples=40)
@given(count=st.integers(2, 1000), data=st.data())
def test_one_bad_file_is_found_in_log_many_loads(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    waiting, search, refused, loads = list(range(count)), _BatchBisector(), 0, 0
    alone: list[int] = []
    while waiting:
        loads += 1
        chosen = waiting[: search.most(1000)]
        batch = _batch(chosen)
        if bad in chosen and not alone:
            refused += 1
            search.refused(batch)
            if len(chosen) == 1:
                alone = chosen
            continue
        search.loaded(batch)
        waiting = waiting[len(chosen) :]
    assert alone == [bad]
    assert refused <= count.bit_length() + 1
    assert loads <= 2 * count.bit_length() + 2


def _batch(numbers: list[int]) -> Batch:
    item = Item(key="k", version="1", name="k", sent_at=MORNING)
    files = tuple(
        File(file_id=str(each), feed="f", source="s", item=item, status=Status.LOADING)
        for each in numbers
    )
    return Batch(batch_id="b", feed="f", table="t", files=files)
