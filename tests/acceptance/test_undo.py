"""`waybill unload`, `replay` and `backfill` as a person runs them, and killed where it hurts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bigquery_emulator import client_of
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.run import run
from pipelines.runtime import Runtime
from schemas.file import Status

ROOT = Path(__file__).resolve().parents[2]
FEED = """from pipelines import Feed
feed = Feed(name="stock", source="drop", match="*.csv", contract="stock", write="merge"{more})
"""
DOUBLED = ", transform=lambda rows: rows.assign(n=rows.n * 10)"
CONTRACT = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": "stock", "version": "1.0.0",
    "status": "active", "name": "stock",
    "schema": [
        {
            "name": "stock", "physicalType": "table",
            "properties": [
                {
                    "name": "k", "logicalType": "string", "physicalType": "STRING",
                    "primaryKey": True, "primaryKeyPosition": 1, "required": True,
                },
                {"name": "n", "logicalType": "integer", "physicalType": "INT64"},
            ],
        }
    ],
}  # fmt: skip


class Shop:
    """A config.yaml of one feed over a folder, and the command line over it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder, self.dataset = folder, f"t{uuid.uuid4().hex[:12]}"
        for name in ("drop", "dags", "contracts"):
            (folder / name).mkdir()
        self.client = client_of(url)
        (folder / "dags" / "stock.py").write_text(FEED.format(more=""))
        self._yaml(folder / "contracts" / "stock.odcs.yaml", CONTRACT)
        config = {
            "broker": {"url": "redis://127.0.0.1:1/0"},
            "ledger": {"type": "sql", "url": f"sqlite:///{folder}/ledger.db"},
            "storage": {"type": "objects", "url": str(folder / "storage")},
            "warehouse": {
                "type": "bigquery", "project": "demo", "location": "US", "api_endpoint": url,
                "dataset": self.dataset, "meta_dataset": f"{self.dataset}_meta",
                "staging_dataset": f"{self.dataset}_staging", "job_timeout": 60,
            },
            "sources": {
                "drop": {"type": "folder", "path": str(folder / "drop"), "settle_seconds": 0}
            },
            "folders": {
                "contracts": str(folder / "contracts"), "feeds": str(folder / "dags"),
                "work": str(folder / "work"),
            },
            # The locks of a process that was killed run out soon.
            "limits": {"lease_seconds": 2},
        }  # fmt: skip
        self._yaml(folder / "config.yaml", config)
        runtime = self.runtime
        runtime.ledger.migrate()
        runtime.warehouse.apply(runtime.tables(), ())

    def _yaml(self, path: Path, data: Any) -> None:
        with path.open("w", encoding="utf-8") as out:
            YAML(typ="safe", pure=True).dump(data, out)

    def waybill(self, *words: str, crash: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if crash is not None:
            (self.folder / "crash").write_text(crash)
            environment["WAYBILL_CRASH_FILE"] = str(self.folder / "crash")
        command = [sys.executable, "-m", "entrypoints.cli"]
        return subprocess.run(
            [*command, "--config", str(self.folder / "config.yaml"), *words],
            capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def runtime(self) -> Runtime:
        """The project's own view of this shop, feeds and contracts read anew."""
        return build_runtime(read_settings(self.folder / "config.yaml"))

    def run(self) -> None:
        run(self.runtime, ["stock"])

    def drop(self, name: str, minute: int, rows: dict[str, int]) -> None:
        path = self.folder / "drop" / name
        path.write_text("k,n\n" + "".join(f"{key},{n}\n" for key, n in rows.items()))
        sent = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minute)).timestamp()
        os.utime(path, (sent, sent))

    def table(self) -> dict[str, int]:
        found = self.client.query_and_wait(f"SELECT k, n FROM demo.{self.dataset}.stock")
        rows = [tuple(row.values()) for row in found]
        assert len(rows) == len(dict(rows))
        return dict(rows)


@pytest.fixture
def shop(bigquery_url: str, tmp_path: Path) -> Shop:
    return Shop(bigquery_url, tmp_path)


def test_an_unload_asks_and_brings_back_what_was_replaced(shop: Shop) -> None:
    shop.drop("one.csv", 1, {"a": 1, "b": 1})
    shop.run()
    shop.drop("two.csv", 2, {"b": 2, "c": 2})
    shop.run()
    assert shop.table() == {"a": 1, "b": 2, "c": 2}
    nobody = shop.waybill("unload", "two.csv")
    assert nobody.returncode == 2
    assert "2 rows leave" in nobody.stderr
    [older] = shop.runtime.ledger.files.find("one.csv")
    one = f"one.csv (file {older.file_id[:8]}, sent 2026-11-01 00:01:00 UTC)"
    assert f"come back from {one}." in nobody.stderr
    assert "--yes" in nobody.stderr
    assert shop.table() == {"a": 1, "b": 2, "c": 2}
    done = shop.waybill("unload", "two.csv", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["rows_removed"], said["rows_restored"]) == (2, 1)
    assert shop.table() == {"a": 1, "b": 1}
    again = shop.waybill("unload", "two.csv", "--yes")
    assert again.returncode == 1
    assert "nothing to unload" in again.stderr


def test_replay_and_backfill(shop: Shop) -> None:
    for minute, name, rows in ((1, "one.csv", {"a": 1, "b": 1}), (2, "two.csv", {"b": 2})):
        shop.drop(name, minute, rows)
        shop.run()
    # Today's transform: the old file's rows are new, but not over those of the later file.
    (shop.folder / "dags" / "stock.py").write_text(FEED.format(more=DOUBLED))
    until = "2026-11-01T00:02"
    done = shop.waybill("replay", "stock", "--until", until, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert [each["item"]["name"] for each in json.loads(done.stdout)] == ["one.csv"]
    assert shop.table() == {"a": 10, "b": 2}
    # What was sent before goes under what is loaded.
    shop.drop("zero.csv", 0, {"a": 0, "z": 0})
    done = shop.waybill("backfill", "stock", "--yes")
    assert done.returncode == 0, done.stderr
    assert "3 files in the source, 1 of them new" in done.stdout
    assert shop.table() == {"a": 10, "b": 2, "z": 0}


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("load.opened", marks=pytest.mark.long),
        pytest.param("load.committing", marks=pytest.mark.long),
        "load.committed",
    ],
)
def test_an_unload_that_is_killed_is_finished(shop: Shop, point: str) -> None:
    shop.drop("one.csv", 1, {"a": 1, "b": 1})
    shop.run()
    shop.drop("two.csv", 2, {"b": 2, "c": 2})
    shop.run()
    killed = shop.waybill("unload", "two.csv", "--yes", crash=point)
    assert killed.returncode == -9, killed.stderr
    (file,) = shop.runtime.ledger.files.find("two.csv")
    assert file.status is Status.UNLOADING
    if point == "load.opened":
        done = shop.waybill("unload", "two.csv", "--yes")
        assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 60
    while shop.runtime.ledger.files.get(file.file_id).status is not Status.UNLOADED:
        assert time.monotonic() < deadline
        shop.run()
        time.sleep(0.5)
    assert shop.table() == {"a": 1, "b": 1}
    counted = shop.client.query_and_wait(
        f"SELECT reason, SUM(`rows`) FROM demo.{shop.dataset}_meta.removals GROUP BY reason"
    )
    assert dict(tuple(row.values()) for row in counted) == {
        "replaced": 1, "unloaded": 2, "restored": -1,
    }  # fmt: skip
