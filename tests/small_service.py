"""A small service of one test's own: a folder, a ledger, storage, and a warehouse of one table."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.cloud import bigquery
from ruamel.yaml import YAML

from bigquery_emulator import client_of
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.run import run
from pipelines.runtime import Runtime
from schemas.file import File

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
name: sales
version: 1.0.0
status: active
schema:
  - name: sales
    physicalType: table
    properties:
      - {name: id, logicalType: string, physicalType: STRING, required: true, primaryKey: true}
      - {name: day, logicalType: date, physicalType: DATE, partitioned: true}
      - {name: amount, logicalType: integer, physicalType: INT64}
"""
FEED = """
from pipelines import Feed, every

feed = Feed(name="sales", source="drop", match="**", contract="sales", write="merge",
            schedule=every(seconds=1))
"""


@dataclass
class SmallService:
    """Its configuration, its runtime, and what a test does to it."""

    folder: Path
    config: Path
    runtime: Runtime
    dataset: str
    client: bigquery.Client

    def drop(self, name: str, text: str | bytes) -> None:
        """Put a file into the drop, long settled."""
        path = self.folder / "drop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        past = time.time() - 60
        os.utime(path, (past, past))

    def run(self) -> list[File]:
        """One pass; the files that there are, by name."""
        run(self.runtime, self.runtime.feeds)
        return sorted(
            self.runtime.ledger.files.latest(limit=10_000), key=lambda file: file.item.name
        )

    def with_runtime(self, **changes: Any) -> None:
        """Go on with other parts."""
        self.runtime = replace(self.runtime, **changes)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query; DATA and META are the datasets."""
        text = query.replace("DATA", f"demo.{self.dataset}")
        text = text.replace("META", f"demo.{self.dataset}_meta")
        return [tuple(row.values()) for row in self.client.query(text, job_retry=None).result()]

    def load_jobs(self) -> Sequence[str]:
        """The ids of all load jobs into this service's staging tables."""
        return [
            job.job_id
            for job in self.client.list_jobs(max_results=1000)
            if isinstance(job, bigquery.LoadJob)
            and job.destination.dataset_id == f"{self.dataset}_staging"
        ]


def small_service(folder: Path, bigquery_url: str, **changes: Any) -> SmallService:
    """A service whose tables are made; `changes` are further sections of its config.yaml."""
    dataset = f"t{uuid.uuid4().hex[:12]}"
    for name, file, text in (
        ("contracts", "sales.odcs.yaml", CONTRACT),
        ("feeds", "sales.py", FEED),
        ("drop", ".keep", ""),
    ):
        (folder / name).mkdir()
        (folder / name / file).write_text(text)
    settings: dict[str, Any] = {
        "ledger": {"type": "sql", "url": f"sqlite:///{folder / 'ledger.db'}"},
        "storage": {"type": "objects", "url": str(folder / "storage")},
        "warehouse": {
            "type": "bigquery",
            "project": "demo",
            "location": "US",
            "api_endpoint": bigquery_url,
            "dataset": dataset,
            "meta_dataset": f"{dataset}_meta",
            "staging_dataset": f"{dataset}_staging",
            "job_timeout": 60,
            "lost_seconds": 0,
        },
        "sources": {"drop": {"type": "folder", "path": str(folder / "drop"), "settle_seconds": 0}},
        "folders": {
            "contracts": str(folder / "contracts"),
            "feeds": str(folder / "feeds"),
            "work": str(folder / "work"),
        },
    }
    for name, change in changes.items():
        settings[name] = {**settings.get(name, {}), **change}
    config = folder / "config.yaml"
    with config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    runtime = build_runtime(read_settings(config))
    runtime.ledger.migrate()
    runtime.warehouse.apply(runtime.tables(), runtime.views)
    client = client_of(bigquery_url)
    return SmallService(folder, config, runtime, dataset, client)


def csv(*keys: str, day: str = "2026-11-03") -> str:
    """A file of good rows with those keys."""
    return "id,day,amount\n" + "".join(f"{key},{day},1\n" for key in keys)
