"""BigQuery's emulator as a test's warehouse, and what looks behind the protocol."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from bigquery_emulator import client_of
from connectors.bigquery import BigQueryConfig, BigQueryWarehouse
from warehouse_world import Folder, World


@dataclass(kw_only=True)
class BigQueryWorld(World):
    """A warehouse in datasets of its own."""

    client: bigquery.Client
    config: BigQueryConfig

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        text = query.replace("META", self.config.meta_dataset).replace("DATA", self.config.dataset)
        return [tuple(row.values()) for row in self.client.query(text, job_retry=None).result()]

    def views_balance(self) -> bool:
        """Whether the views of `etl_meta` agree about what was loaded and removed."""
        ((by_file,),) = self.sql("SELECT IFNULL(SUM(rows_loaded), 0) FROM META.file_loads")
        ((by_batch,),) = self.sql("SELECT IFNULL(SUM(`rows`), 0) FROM META.batches")
        ((gone,),) = self.sql("SELECT IFNULL(SUM(`rows`), 0) FROM META.removals")
        return bool(by_file - gone == by_batch - gone)


def bigquery_world(url: str, folder: Path) -> BigQueryWorld:
    """A new one in the emulator that is there."""
    name = f"t{uuid.uuid4().hex[:12]}"
    config = BigQueryConfig(
        project="demo",
        dataset=name,
        location="US",
        api_endpoint=url,
        meta_dataset=f"{name}_meta",
        staging_dataset=f"{name}_staging",
        job_timeout=60,
    )
    client = client_of(url)
    return BigQueryWorld(
        warehouse=BigQueryWarehouse(config, Folder(folder)),
        client=client,
        config=config,
        folder=folder,
    )
