"""What every warehouse promises, by its protocol alone; `world` is one of each that there is."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bigquery_world import bigquery_world
from schemas.batch import BatchKind, Committed, Removal, WriteMode
from schemas.contract import (
    Column,
    Contract,
    Granularity,
    RangePartition,
    TimePartition,
    Type,
    View,
)
from schemas.errors import ContractError, DataError, FatalError
from schemas.file import Counts, Outcome, Status
from warehouse_world import AMOUNT, EVERY_TYPE, ID, ORDERS, World, day, order

WORLDS = {"bigquery": ("bigquery_url", bigquery_world)}
"""For each warehouse: the fixture that says where it is, and what makes a new one there."""
# By name, so that what each test makes there is removed after it (conftest.py).
pytestmark = pytest.mark.usefixtures(*(place for place, _ in WORLDS.values()))


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    place, make = WORLDS[request.param]
    return make(request.getfixturevalue(place), tmp_path)


def test_apply_creates_what_plan_lacks_and_then_plan_is_empty(world: World) -> None:
    view = View(dataset=None, name="ones", query="SELECT 1 AS n")
    planned = world.warehouse.plan([ORDERS, EVERY_TYPE], [view])
    assert planned
    assert all(change.safe for change in planned)
    assert world.warehouse.plan([ORDERS, EVERY_TYPE], [view]) == planned, "it changes nothing"
    assert world.warehouse.apply([ORDERS, EVERY_TYPE], [view]) == planned
    assert world.warehouse.plan([ORDERS, EVERY_TYPE], [view]) == []
    assert world.warehouse.apply([ORDERS, EVERY_TYPE], [view]) == []


def test_apply_makes_safe_changes_and_leaves_the_others_to_a_person(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    columns = (ID, replace(AMOUNT, precision=12), Column(name="channel", type=Type.STRING))
    changed = replace(ORDERS, columns=columns, description="All orders.")
    changes = world.warehouse.apply([changed], [])
    safe = [change for change in changes if change.safe]
    left = [change for change in changes if not change.safe]
    assert len(safe) >= 2, "the description, and a column more"
    assert len(left) >= 2, "a column less, and digits that are others"
    assert all(change.todo for change in left)
    assert [change for change in world.warehouse.plan([changed], []) if change.safe] == []


def test_a_batch_is_committed_once_with_its_books(world: World) -> None:
    batch, good, bad = world.partly_rejected()
    assert not world.warehouse.committed(batch.batch_id)
    first = world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    assert first == Committed(rows=2)
    assert world.warehouse.committed(batch.batch_id)
    assert world.warehouse.load(batch, ORDERS, WriteMode.APPEND) == first
    assert world.books_balance(ORDERS)
    assert list(world.warehouse.batches(batch.table)) == [batch.batch_id]
    assert world.warehouse.leftovers() == {}
    one, other = world.warehouse.recorded(batch.table)
    assert (one.file_id, one.name, one.outcome, one.sent_at, one.batch_id, one.partitions) == (
        good.file_id, good.item.name, Outcome.PARTLY, good.item.sent_at, batch.batch_id,
        good.partitions,
    )  # fmt: skip
    assert (one.counts, one.in_force, one.reason) == (good.counts, True, None)
    assert (other.outcome, other.in_force, other.reason) == (
        Outcome.QUARANTINED, False, "it's all wrong",
    )  # fmt: skip
    audits = {each.file_id: each for each in world.warehouse.file_audits(ORDERS)}
    assert [audits[each.file_id].rejected_rows for each in (good, bad)] == [1, 1]
    assert audits[good.file_id].partitions == set(good.partitions)
    assert world.warehouse.last_commit(batch.table).at is not None


def test_a_batch_of_rejected_files_only_leaves_its_books(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    bad = world.file(
        ORDERS,
        rejects=[(2, "q")],
        outcome=Outcome.QUARANTINED,
        counts=Counts(read=9, rejected=9),  # more than it has rejects to show
    )
    twin = world.file(ORDERS, outcome=Outcome.REPEATED, repeats="file1")
    assert world.load(ORDERS, WriteMode.MERGE, bad, twin) == Committed(rows=0)
    found = world.warehouse.recorded(world.warehouse.table_id(ORDERS))
    assert [(each.outcome, each.repeats) for each in found] == [
        (Outcome.QUARANTINED, None),
        (Outcome.REPEATED, "file1"),
    ]
    assert [each.rejected_rows for each in world.warehouse.file_audits(ORDERS)] == [1, 0]


def test_a_large_batch_arrives_whole(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    rows = [order(os.urandom(250_000).hex(), 3, "1") for _ in range(40)]
    file = world.file(ORDERS, rows, partitions=["2026-11-03"])
    assert world.load(ORDERS, WriteMode.APPEND, file) == Committed(rows=40)
    (sums,) = world.warehouse.sums(ORDERS)
    assert (sums.file_id, sums.rows) == (file.file_id, 40)


def test_what_replaced_what_is_told_afterwards(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    old = world.file(ORDERS, [order("a", 3, "1"), order("b", 3, "1")], partitions=["2026-11-03"])
    new = world.file(ORDERS, [order("a", 3, "2")], partitions=["2026-11-03"])
    world.load(ORDERS, WriteMode.MERGE, old)
    batch = world.batch(ORDERS, new)
    done = world.warehouse.load(batch, ORDERS, WriteMode.MERGE)
    assert done.removals == (Removal(file_id=old.file_id, rows=1),)
    assert world.warehouse.removals(batch.batch_id) == done.removals
    assert world.warehouse.removals("0" * 16) == ()
    assert world.warehouse.files_replaced_by(batch.table, [new.file_id]) == [old.file_id]
    assert world.warehouse.files_replaced_by(batch.table, [old.file_id]) == []
    counts = world.warehouse.row_counts(batch.table, [old.file_id, new.file_id, "unknown"])
    assert counts == {old.file_id: 1, new.file_id: 1, "unknown": 0}


def test_rows_that_are_unloaded_leave(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"])
    kept = world.file(ORDERS, [order("b", 3, "1")], partitions=["2026-11-03"])
    world.load(ORDERS, WriteMode.APPEND, file, kept)
    batch = replace(
        world.batch(ORDERS, replace(file, status=Status.UNLOADING, in_force=True)),
        kind=BatchKind.UNLOAD,
    )
    done = world.warehouse.load(batch, ORDERS, WriteMode.APPEND)
    assert (done.rows, done.removals) == (0, (Removal(file_id=file.file_id, rows=1),))
    assert world.rows(ORDERS) == [order("b", 3, "1")]
    assert world.books_balance(ORDERS)


def test_what_is_no_condition_finds_nothing(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    world.load(
        ORDERS, WriteMode.APPEND,
        world.file(ORDERS, [order("a", 3, "1"), order("b", 3, "2")], partitions=["2026-11-03"]),
    )  # fmt: skip
    assert world.rows(ORDERS, "amount > 1") == [order("b", 3, "2")]
    for where in ("TRUE; SELECT 1", "amount >"):
        with pytest.raises(DataError):
            world.warehouse.find_rows(ORDERS, where, 10)


def test_more_than_its_capabilities_is_refused(world: World) -> None:
    most = world.warehouse.capabilities.max_partitions
    names = [f"{day(1) + timedelta(days=number)}" for number in range(most + 1)]
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=names)
    with pytest.raises(DataError):
        world.load(ORDERS, WriteMode.APPEND, file)
    assert set(world.warehouse.capabilities.misfits(EVERY_TYPE)) == {
        f"column c_{each.lower()}: {world.warehouse.capabilities.name} has no type {each}"
        for each in set(Type) - world.warehouse.capabilities.types
    }


def test_check_says_where(world: World) -> None:
    assert world.warehouse.check()


def test_every_type_arrives_as_it_was_staged(world: World) -> None:
    world.warehouse.apply([EVERY_TYPE], [])
    moment = datetime(2026, 11, 3, 14, 15, 16, 123456)
    values: dict[Type, object] = {
        Type.INT64: -(2**63),
        Type.FLOAT64: 0.1,
        Type.NUMERIC: Decimal("12345678901234567890123456789.123456789"),
        # As many digits after the point as the emulator of BigQuery keeps.
        Type.BIGNUMERIC: Decimal("12345678901234567890.123456789012345678"),
        Type.BOOL: True,
        Type.STRING: '007 "quoted", `ticked`\nsecond line é 😀',
        Type.DATE: moment.date(),
        Type.DATETIME: moment,
        Type.TIME: time(14, 15, 16, 123456),
        Type.TIMESTAMP: moment.replace(tzinfo=UTC),
        Type.JSON: '{"a": [1, null, "é"]}',
        Type.BYTES: "AP9h",
    }
    empty = [None] * len(Type)
    file = world.file(EVERY_TYPE, [[values[each] for each in Type], empty])
    batch = world.batch(EVERY_TYPE, file)
    assert world.warehouse.load(batch, EVERY_TYPE, WriteMode.APPEND) == Committed(rows=2)
    second, first = sorted(
        world.warehouse.find_rows(EVERY_TYPE, "TRUE", 10), key=lambda each: each.row, reverse=True
    )
    expected = values | {Type.JSON: {"a": [1, None, "é"]}, Type.BYTES: b"\x00\xffa"}
    assert dict(zip(Type, first.values.values(), strict=True)) == expected
    assert list(second.values.values()) == empty
    lineage = [(each.file_id, each.row, each.batch_id) for each in (first, second)]
    assert lineage == [(file.file_id, 2, batch.batch_id), (file.file_id, 3, batch.batch_id)]


@pytest.mark.parametrize("keys", [("id",), ("id", "day")])
def test_merge_keeps_the_last_row_of_a_key(world: World, keys: tuple[str, ...]) -> None:
    contract = replace(ORDERS, primary_key=keys)
    world.warehouse.apply([contract], [])
    moved = 4 if keys == ("id",) else 3
    old = world.file(
        contract,
        [order("a", 3, "1"), order("b", 3, "1"), order("c", 9, "1"), order("n", None, "1")],
        partitions=["2026-11-03", "2026-11-09", "null"],
    )
    world.load(contract, WriteMode.MERGE, old)
    one = world.file(contract, [order("a", 3, "2"), order("a", 3, "3")], partitions=["2026-11-03"])
    two = world.file(
        contract,
        [order("a", 3, "4"), order("b", moved, "4"), order("d", 5, "4"), order("n", None, "4")],
        partitions=["2026-11-03", "2026-11-04", "2026-11-05", "null"],
    )
    done = world.load(contract, WriteMode.MERGE, one, two)
    found = world.warehouse.find_rows(contract, "TRUE", 100)
    kept = sorted(
        ((*each.values.values(), each.file_id) for each in found),
        key=lambda row: (row[0], row[2]),
    )
    expected = [
        ("a", day(3), Decimal(4), two.file_id),
        ("b", day(moved), Decimal(4), two.file_id),
        ("c", day(9), Decimal(1), old.file_id),
        ("d", day(5), Decimal(4), two.file_id),
        ("n", None, Decimal(4), two.file_id),
    ]
    replaced_old = 3
    if keys == ("id", "day"):  # a key with a NULL in it matches nothing
        expected.insert(4, ("n", None, Decimal(1), old.file_id))
        replaced_old = 2
    assert kept == expected
    removed = {each.file_id: each.rows for each in done.removals}
    assert removed == {old.file_id: replaced_old, one.file_id: 2}
    assert done.rows == 6
    assert world.books_balance(contract)


PARTITIONED: list[tuple[TimePartition | RangePartition, Type, list[object], list[str]]] = [
    (
        TimePartition(column="at", granularity=Granularity.HOUR),
        Type.TIMESTAMP,
        [
            datetime(2026, 11, 3, 14, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 11, 3, 15, 0, tzinfo=UTC),
            datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
        ],
        ["2026-11-03T14:00:00", "2026-11-03T15:00:00", "2026-11-03T13:00:00"],
    ),
    (
        TimePartition(column="at", granularity=Granularity.YEAR),
        Type.DATETIME,
        [datetime(2026, 12, 31, 23, 59), datetime(2027, 1, 1), datetime(9999, 1, 1)],
        ["2026-01-01", "2027-01-01", "9999-01-01"],
    ),
    (
        TimePartition(column="at", granularity=Granularity.MONTH),
        Type.DATE,
        [date(2026, 12, 31), date(2027, 1, 1), None],
        ["2026-12-01", "2027-01-01", "null"],
    ),
    (
        RangePartition(column="at", start=-5, end=100, interval=10),
        Type.INT64,
        [4, 5, -1],
        ["-5", "5", "-5"],
    ),
]


@pytest.mark.parametrize(("partition", "kind", "values", "names"), PARTITIONED)
def test_replace_partition_replaces_only_the_partitions_of_its_files(
    world: World,
    partition: TimePartition | RangePartition,
    kind: Type,
    values: list[object],
    names: list[str],
) -> None:
    contract = Contract(
        name="stock",
        version="1",
        table="stock",
        columns=(Column(name="at", type=kind), Column(name="n", type=Type.INT64)),
        partition=partition,
        # The emulator looks for a filter on _PARTITIONTIME when partitions are ranges.
        require_partition_filter=isinstance(partition, TimePartition),
    )
    mode = WriteMode.REPLACE_PARTITION
    world.warehouse.apply([contract], [])
    assert world.warehouse.plan([contract], []) == []
    a, b, c = values
    same = names[2] == names[0]
    old = world.file(contract, [(a, 1), (b, 1), (c, 1)], partitions=sorted(set(names)))
    world.load(contract, mode, old)
    before = {each.partition: each.rows for each in world.warehouse.partitions(contract)}
    assert before == {name: names.count(name) for name in names}
    early = world.file(contract, [(a, 2), (a, 2), (c, 2)], partitions=sorted({names[0], names[2]}))
    late = world.file(contract, [(a, 3)], partitions=[names[0]])
    done = world.load(contract, mode, early, late)
    left = {3: 1, 1: 1} if same else {3: 1, 2: 1, 1: 1}
    counts: dict[object, int] = {}
    for each in world.warehouse.partitions(contract):
        counts[each.partition] = each.rows
    assert counts == dict.fromkeys(names, 1)
    assert Counter(n for _, n in world.rows(contract)) == left
    assert set(done.removals) == {
        Removal(file_id=old.file_id, rows=2),
        Removal(file_id=early.file_id, rows=3 if same else 2),
    }
    assert world.books_balance(contract)


def test_partitions_come_newest_first(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    rows = [order("a", 3, "1"), order("b", 5, "1"), order("c", None, "1"), order("d", 5, "1")]
    partitions = ["2026-11-03", "2026-11-05", "null"]
    world.load(ORDERS, WriteMode.APPEND, world.file(ORDERS, rows, partitions=partitions))
    counted = [(each.partition, each.rows) for each in world.warehouse.partitions(ORDERS)]
    assert counted == [("2026-11-05", 2), ("2026-11-03", 1), ("null", 1)]


def test_a_replayed_file_takes_the_place_of_its_own_rows(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    file = world.file(
        ORDERS, [order("a", 3, "1"), order("b", 4, "1")], partitions=["2026-11-03", "2026-11-04"]
    )
    world.load(ORDERS, WriteMode.APPEND, file)
    done = world.load(ORDERS, WriteMode.APPEND, replace(file, attempt=3, in_force=True))
    assert done == Committed(rows=2, removals=(Removal(file_id=file.file_id, rows=2),))
    assert world.books_balance(ORDERS)


def test_a_refused_row_leaves_nothing_behind(world: World) -> None:
    world.warehouse.apply([ORDERS], [])
    bad = world.file(ORDERS, [order("a", 3, "1"), (None, day(3), None)], partitions=["2026-11-03"])
    batch = world.batch(ORDERS, bad)
    with pytest.raises(DataError):
        world.warehouse.load(batch, ORDERS, WriteMode.MERGE)
    assert not world.warehouse.committed(batch.batch_id)
    assert sum(each.rows for each in world.warehouse.partitions(ORDERS)) == 0
    assert not world.warehouse.batches(batch.table)
    assert list(world.warehouse.recorded(batch.table)) == []
    assert list(world.warehouse.file_audits(ORDERS)) == []


def test_a_missing_table_names_the_remedy(world: World) -> None:
    file = world.file(ORDERS, [order("a", 3, "1")], partitions=["2026-11-03"])
    with pytest.raises(FatalError) as failure:
        world.load(ORDERS, WriteMode.APPEND, file)
    assert "waybill apply" in (failure.value.hint or "")


def test_a_mode_that_the_table_cannot_have_is_refused(world: World) -> None:
    plain = replace(ORDERS, primary_key=(), partition=None)
    with pytest.raises(ContractError):
        world.load(plain, WriteMode.MERGE, world.file(plain))
    with pytest.raises(ContractError):
        world.load(plain, WriteMode.REPLACE_PARTITION, world.file(plain))
