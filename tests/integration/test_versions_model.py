"""Random histories of versions, unloads, replays and backfills against a model in plain Python.

The model is the rule itself: the table is what it would be if only the files in force had been
loaded, in their order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from one_feed import Cells, Row, World, a_world
from pipelines.operations.backfill import backfill
from pipelines.operations.replay import replay
from schemas.batch import WriteMode

START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Known:
    """What the model knows of a file."""

    file_id: str
    key: str
    sent: datetime
    number: int
    raw: list[tuple[int, Row]]
    rows: list[tuple[int, Row]] = field(default_factory=list)
    place: tuple[float, int] | None = None
    in_force: bool = False
    unloaded: bool = False
    superseded_by: Known | None = None

    def order(self) -> tuple[datetime, str, int]:
        return (self.sent, self.key, self.number)


class Model:
    """The files in force, and the table that follows from them."""

    def __init__(self, mode: WriteMode) -> None:
        self.mode, self.files, self.left_out = mode, list[Known](), 3
        self.loads = 1e11

    def load(self, batch: list[Known], placed: bool = False) -> None:
        batch = sorted(batch, key=Known.order)
        for group in [batch[i : i + 2] for i in range(0, len(batch), 2)]:
            self._load(group, placed)

    def _load(self, batch: list[Known], placed: bool) -> None:
        self.loads += 1
        for number, file in enumerate(batch):
            file.rows = [row for row in file.raw if row[1][2] % 3 != self.left_out]
            file.superseded_by, file.unloaded = None, False
            same = [each for each in self.files if each.key == file.key]
            rivals = [each for each in same if each.in_force or each in batch]
            last = max(rivals, key=Known.order)
            for each in rivals:
                if each is not last:
                    was, each.in_force, each.superseded_by = each.in_force, False, last
                    if each in batch or not was:
                        each.place = None
            if file is last:
                if not file.in_force:
                    file.place = (file.sent.timestamp() if placed else self.loads, number)
                file.in_force = True

    def unload(self, file: Known) -> None:
        file.in_force, file.unloaded, file.place = False, True, None
        again = []
        for each in self.files:
            if each.superseded_by is file:
                each.superseded_by = file.superseded_by
                if each.superseded_by is None and each.place is not None:
                    each.in_force = True
                elif each.superseded_by is None:
                    again.append(each)
        self.load(again)

    def table(self) -> list[Cells]:
        rows: list[Cells] = []
        inforce = [file for file in self.files if file.in_force]
        for file in sorted(inforce, key=lambda each: each.place or (0, 0)):
            new = [(*row, file.file_id, line) for line, row in file.rows]
            if self.mode is WriteMode.MERGE:
                last = {row[0]: row for row in new if row[0] is not None}
                rows = [row for row in rows if row[0] not in last]
                new = [row for row in new if row[0] is None] + [*last.values()]
            elif self.mode is WriteMode.REPLACE_PARTITION:
                days = {row[1] for row in new}
                rows = [row for row in rows if row[1] not in days]
            rows += new
        return sorted(rows, key=repr)


ROWS = st.lists(
    st.tuples(st.sampled_from(["x", "y", "z", None]), st.integers(1, 3), st.integers(0, 2)),
    min_size=1,
    max_size=3,
)
DROP = st.tuples(st.sampled_from("abc"), st.integers(0, 9), ROWS)
STEP = st.one_of(
    st.tuples(st.just("drop"), st.lists(DROP, min_size=1, max_size=3, unique_by=lambda d: d[0])),
    st.tuples(st.just("backfill"), st.lists(DROP, min_size=1, max_size=1)),
    st.tuples(st.just("unload"), st.integers(0, 5)),
    st.tuples(st.just("replay"), st.integers(0, 5), st.integers(0, 3)),
)
STEPS = st.tuples(
    st.tuples(st.just("drop"), st.lists(DROP, min_size=2, max_size=3, unique_by=lambda d: d[0])),
    st.lists(STEP, min_size=3, max_size=5),
)


def play(world: World, model: Model, steps: Iterable[tuple[Any, ...]]) -> None:
    """Do each step in the world and in the model, and compare the tables after each."""
    made = 0
    for step in steps:
        if step[0] in ("drop", "backfill"):
            new = []
            for key, minute, rows in step[1]:
                made += 1
                # No two files have the same bytes, and no two versions the same time.
                sent = START + timedelta(minutes=minute, seconds=made)
                full = [(k, date(2026, 11, day), made * 30 + n) for k, day, n in rows]
                file_id = world.put(f"{key}.csv", sent, full)
                new.append(Known(file_id, f"{key}.csv", sent, made, [*enumerate(full, 2)]))
            model.files += new
            if step[0] == "drop":
                world.run()
            else:
                backfill(world.runtime, "stock", None, None, lambda work, left: None)
            model.load(new, placed=step[0] == "backfill")
        elif step[0] == "unload":
            there = [file for file in model.files if file.in_force]
            if not there:
                continue
            file = there[-1 - step[1] % len(there)]
            world.unload(file.file_id)
            model.unload(file)
        else:
            file = model.files[-1 - step[1] % len(model.files)]
            model.left_out = step[2]
            world.transform(step[2])
            replay(world.runtime, world.ledger.files.many([file.file_id]), lambda work, left: None)
            model.load([file])
        assert world.table() == model.table(), step
        world.books_balance()
        for file in model.files:
            assert world.ledger.files.get(file.file_id).in_force == file.in_force


# A version, one that goes beneath others, one taken out from over another, one run again with other
# rows: what a random history has in part. `WAYBILL_EXAMPLES` plays random ones besides.
HISTORY = (
    ("drop", [("a", 1, [("x", 1, 0), ("y", 2, 1)]), ("b", 2, [("x", 1, 1), (None, 3, 2)])]),
    [
        ("drop", [("a", 5, [("x", 2, 0), ("z", 1, 2)])]),
        ("backfill", [("c", 0, [("y", 2, 0), ("z", 3, 1)])]),
        ("unload", 1),
        ("replay", 2, 1),
    ],
)
EXAMPLES = int(os.environ.get("WAYBILL_EXAMPLES", "0"))


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(WriteMode.APPEND, marks=pytest.mark.long),
        WriteMode.MERGE,
        WriteMode.REPLACE_PARTITION,
    ],
)
def test_the_table_is_what_the_files_in_force_make(bigquery_url: str, mode: WriteMode) -> None:
    @seed(20261124)
    @settings(
        max_examples=max(EXAMPLES, 1),
        deadline=None,
        database=None,
        phases=[Phase.explicit, *([Phase.generate] if EXAMPLES else [])],
        suppress_health_check=list(HealthCheck),
    )
    @example(HISTORY)
    @given(STEPS)
    def histories(steps: tuple[tuple[Any, ...], list[tuple[Any, ...]]]) -> None:
        with a_world(bigquery_url, mode) as world:
            play(world, Model(mode), [steps[0], *steps[1]])

    histories()
