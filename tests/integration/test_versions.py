"""Random histories of versions, unloads, replays and backfills against a model in plain Python.

The model is the rule itself: the table is what it would be if only the files in force had been
loaded, in their order. Real ledger, storage, folder and warehouse.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pandas import DataFrame
from pydantic import SecretStr

from connectors.bigquery import BigQueryConfig, BigQueryWarehouse
from connectors.folder import FolderConfig, FolderSource
from connectors.ledger import LedgerConfig, SqlLedger
from connectors.objects import ObjectStorage, StorageConfig
from pipelines import Feed
from pipelines.replay import backfill, replay
from pipelines.run import drain, run
from pipelines.runtime import Runtime
from pipelines.unload import plan_unload, unload
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, TimePartition, Type
from schemas.file import file_id_of
from schemas.limits import Limits

START = datetime(2026, 11, 1, tzinfo=UTC)
type Row = tuple[str | None, date, int]
type Cells = tuple[str | None, date, int, str, int]

STOCK = Contract(
    name="stock",
    version="1",
    table="stock",
    columns=(
        Column(name="k", type=Type.STRING),
        Column(name="day", type=Type.DATE),
        Column(name="n", type=Type.INT64),
    ),
    primary_key=("k",),
    partition=TimePartition(column="day"),
)


class World:
    """A feed over a folder, with everything real behind it."""

    def __init__(self, url: str, folder: Path, mode: WriteMode, **feed: Any) -> None:
        self.folder, name = folder, f"t{uuid.uuid4().hex[:12]}"
        self.drop = folder / "drop"
        self.drop.mkdir()
        storage = ObjectStorage(StorageConfig(url=str(folder / "storage")))
        self.config = BigQueryConfig(
            project="demo", dataset=name, location="US", api_endpoint=url,
            meta_dataset=f"{name}_meta", staging_dataset=f"{name}_staging", job_timeout=60,
        )  # fmt: skip
        self.client = bigquery.Client(
            project="demo",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": url},
        )
        made = Feed(
            name="stock", source="drop", match="*.csv", contract="stock", write=mode, **feed
        )
        (folder / "work").mkdir()
        self.ledger = SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{folder}/ledger.db")))
        self.runtime = Runtime(
            feeds={"stock": made},
            contracts={"stock": STOCK},
            views=(),
            sources={"drop": FolderSource(FolderConfig(path=self.drop, settle_seconds=0))},
            storage=storage,
            ledger=self.ledger,
            warehouse=BigQueryWarehouse(self.config, storage),
            notifier=None,
            limits=Limits(batch_files=2, retry_seconds=0.01),
            owner="test",
            work_folder=folder / "work",
            now=lambda: datetime.now(UTC),
        )
        self.ledger.migrate()
        self.runtime.warehouse.apply([STOCK], [])

    def close(self) -> None:
        """Forget the tables."""
        self.ledger.database.engine.dispose()
        for dataset in ("dataset", "meta_dataset", "staging_dataset"):
            self.client.delete_dataset(getattr(self.config, dataset), delete_contents=True)

    def put(self, name: str, sent: datetime, rows: Iterable[Row]) -> str:
        """Write or overwrite a file; its file id."""
        path = self.drop / name
        lines = [f"{k or ''},{day},{n}" for k, day, n in rows]
        path.write_text("\n".join(["k,day,n", *lines]) + "\n")
        os.utime(path, (sent.timestamp(), sent.timestamp()))
        source = self.runtime.sources["drop"]
        (item,) = [each for page in source.list(name, None) for each in page.items]
        return file_id_of("stock", item.key, item.version)

    def transform(self, left_out: int) -> None:
        """From now on, leave out rows of that remainder."""

        def change(rows: DataFrame) -> DataFrame:
            return rows[rows.n.astype("int64") % 3 != left_out]

        feeds = {"stock": replace(self.runtime.feeds["stock"], transform=change)}
        self.runtime = replace(self.runtime, feeds=feeds)

    def run(self) -> None:
        run(self.runtime, ["stock"])

    def unload(self, *file_ids: str) -> None:
        undo = plan_unload(self.runtime, self.ledger.many(file_ids))
        unload(self.runtime, undo)
        drain(self.runtime, ["stock"], ())

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        text = query.replace("META", self.config.meta_dataset).replace("DATA", self.config.dataset)
        return [tuple(row.values()) for row in self.client.query(text, job_retry=None).result()]

    def table(self) -> list[Cells]:
        found = self.sql("SELECT k, day, n, _etl_file, _etl_row FROM DATA.stock")
        return sorted(found, key=repr)

    def books_balance(self) -> None:
        """The records say of every file how many rows of it are there."""
        ids = [file.file_id for file in self.ledger.files()]
        table = self.runtime.warehouse.table_id(STOCK)
        standing = self.runtime.warehouse.standing(table, ids)
        counted = dict(self.sql("SELECT _etl_file, COUNT(*) FROM DATA.stock GROUP BY 1"))
        assert {id_: rows for id_, rows in standing.items() if rows} == counted


@contextmanager
def a_world(url: str, mode: WriteMode, **feed: Any) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(url, Path(folder), mode, **feed)
        yield world
        world.close()


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
        self.loads = 1e9

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
    st.lists(STEP, min_size=3, max_size=8),
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
            replay(world.runtime, world.ledger.many([file.file_id]), lambda work, left: None)
            model.load([file])
        assert world.table() == model.table(), step
        world.books_balance()
        for file in model.files:
            assert world.ledger.get(file.file_id).in_force == file.in_force


@pytest.mark.parametrize("mode", list(WriteMode))
def test_the_table_is_what_the_files_in_force_make(bigquery_url: str, mode: WriteMode) -> None:
    @seed(20261124)
    @settings(
        max_examples=int(os.environ.get("WAYBILL_EXAMPLES", "4")),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS)
    def histories(steps: tuple[tuple[Any, ...], list[tuple[Any, ...]]]) -> None:
        with a_world(bigquery_url, mode) as world:
            play(world, Model(mode), [steps[0], *steps[1]])

    histories()
