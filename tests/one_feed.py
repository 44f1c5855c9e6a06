"""One feed over a folder (or another source), with real ledger, storage and warehouse behind it."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pandas import DataFrame
from pydantic import SecretStr

from bigquery_emulator import client_of
from connectors.bigquery import BigQueryConfig, BigQueryWarehouse
from connectors.folder import FolderConfig, FolderSource
from connectors.ledger import LedgerConfig, SqlLedger
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from connectors.protocols import Source
from connectors.uploads import UploadsSource
from pipelines import Feed
from pipelines.discover.step import discover
from pipelines.monitor.alerts import raise_alert
from pipelines.operations.run import drain, run
from pipelines.operations.unload import plan_unload, unload
from pipelines.runtime import Runtime, Work
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, TimePartition, Type
from schemas.file import File, file_id_of
from schemas.limits import Limits

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

    def __init__(
        self,
        url: str,
        folder: Path,
        mode: WriteMode,
        source: Source | None = None,
        ledger_url: str | None = None,
        **feed: Any,
    ) -> None:
        self.folder, name = folder, f"t{uuid.uuid4().hex[:12]}"
        self.drop = folder / "drop"
        self.drop.mkdir()
        storage = ObjectStorage(StorageConfig(url=str(folder / "storage")))
        self.config = BigQueryConfig(
            project="demo", dataset=name, location="US", api_endpoint=url,
            meta_dataset=f"{name}_meta", staging_dataset=f"{name}_staging", job_timeout=60,
        )  # fmt: skip
        self.client = client_of(url)
        made = Feed(
            name="stock", source="drop", match="*.csv", contract="stock", write=mode, **feed
        )
        (folder / "work").mkdir()
        here = FolderSource(FolderConfig(path=self.drop, settle_seconds=0))
        self.ledger = SqlLedger(
            LedgerConfig(url=SecretStr(ledger_url or f"sqlite:///{folder}/ledger.db"))
        )
        self.runtime = Runtime(
            feeds={"stock": made},
            contracts={"stock": STOCK},
            views=(),
            sources={"drop": source or here, "uploads": UploadsSource(storage)},
            storage=storage,
            ledger=self.ledger,
            warehouse=BigQueryWarehouse(self.config, storage),
            notifier=None,
            limits=Limits(batch_files=2, retry_seconds=0.01),
            owner="test",
            work_folder=folder / "work",
            alert=raise_alert,
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

    def discover(self) -> list[Work]:
        return discover(self.runtime, "stock")

    def snapshot(self) -> None:
        """Keep the tables as they are now."""
        for table in self._tables():
            self.sql(f"CREATE OR REPLACE TABLE {table}_kept AS SELECT * FROM {table}")

    def restore_snapshot(self) -> None:
        """Put the tables back to what was kept, as a restore in place does."""
        for table in self._tables():
            self.sql(f"DELETE FROM {table} WHERE TRUE")
            self.sql(f"INSERT INTO {table} SELECT * FROM {table}_kept")

    def _tables(self) -> list[str]:
        return ["DATA.stock", "META.commits", "META.rejected_rows"]

    def newest(self, name: str) -> File:
        """The file of that name that was sent last."""
        return max(self.ledger.files.find(name), key=File.order)

    def unload(self, *file_ids: str) -> None:
        undo = plan_unload(self.runtime, self.ledger.files.many(file_ids))
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
        ids = [file.file_id for file in self.ledger.files.latest()]
        table = self.runtime.warehouse.table_id(STOCK)
        standing = self.runtime.warehouse.row_counts(table, ids)
        counted = dict(self.sql("SELECT _etl_file, COUNT(*) FROM DATA.stock GROUP BY 1"))
        assert {id_: rows for id_, rows in standing.items() if rows} == counted


@contextmanager
def a_world(url: str, mode: WriteMode, **feed: Any) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(url, Path(folder), mode, **feed)
        yield world
        world.close()
