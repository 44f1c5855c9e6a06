"""The product on a real BigQuery project: ten minutes, and a few cents.

WAYBILL_REAL_PROJECT names the project, Application Default Credentials let in, and
WAYBILL_REAL_LOCATION (US by default) says where. Datasets `waybill_test_…` are made and removed.
Without the first variable everything here is skipped: nobody has run it there yet.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.unload import plan_unload, unload
from small_service import CONTRACT, FEED, SmallService, csv

PROJECT = os.environ.get("WAYBILL_REAL_PROJECT")
pytestmark = [
    pytest.mark.skipif(PROJECT is None, reason="WAYBILL_REAL_PROJECT is not set"),
    pytest.mark.timeout(600),
]


@pytest.fixture(params=["append", "merge", "replace_partition"])
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallService]:
    from google.cloud import bigquery

    dataset = f"waybill_test_{uuid.uuid4().hex[:12]}"
    location = os.environ.get("WAYBILL_REAL_LOCATION", "US")
    for name, file, text in (
        ("contracts", "sales.odcs.yaml", CONTRACT),
        ("feeds", "sales.py", FEED.replace("merge", request.param)),
        ("drop", ".keep", ""),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    settings = {
        "ledger": {"type": "sql", "url": f"sqlite:///{tmp_path / 'ledger.db'}"},
        "storage": {"type": "objects", "url": str(tmp_path / "storage")},
        "warehouse": {
            "type": "bigquery", "project": PROJECT, "location": location, "dataset": dataset,
            "meta_dataset": f"{dataset}_meta", "staging_dataset": f"{dataset}_staging",
        },
        "sources": {
            "drop": {"type": "folder", "path": str(tmp_path / "drop"), "settle_seconds": 0}
        },
        "folders": {
            "contracts": str(tmp_path / "contracts"), "feeds": str(tmp_path / "feeds"),
            "work": str(tmp_path / "work"),
        },
    }  # fmt: skip
    config = tmp_path / "config.yaml"
    with config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    runtime = build_runtime(read_settings(config))
    runtime.ledger.migrate()
    client = bigquery.Client(project=PROJECT, location=location)
    try:
        runtime.warehouse.apply(runtime.tables(), runtime.views)
        yield SmallService(tmp_path, config, runtime, dataset, client)
    finally:
        for name in (dataset, f"{dataset}_meta", f"{dataset}_staging"):
            client.delete_dataset(name, delete_contents=True, not_found_ok=True)


def test_the_whole_way(service: SmallService) -> None:
    """Doctor, load, reject, new version, unload, replay, verify, explain, cost."""

    def waybill(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--config", str(service.config), *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "statements are taken" in waybill("doctor", "--dry-run")
    service.drop("one.csv", csv("a", "b") + "bad,2026-02-30,1\n")
    service.drop("two.csv", csv("c", day="2026-11-04"))
    outcomes = [str(file.outcome) for file in service.run()]
    assert outcomes == ["partly", "accepted"]
    service.drop("one.csv", csv("a", "d"))
    service.run()
    (two,) = service.runtime.ledger.files.find("two.csv")
    unload(service.runtime, plan_unload(service.runtime, [two]))
    service.run()
    found = service.client.query(
        f"SELECT id FROM `{PROJECT}.{service.dataset}.sales` WHERE day > '2000-01-01' ORDER BY id"
    )
    assert [row.id for row in found.result()] == ["a", "d"]
    waybill("replay", "sales", "--yes")
    assert "every row is accounted for" in waybill("verify", "--yes")
    assert "one.csv" in waybill("explain", "sales", "--where", "id = 'a'", "--yes")
    assert "about $" in waybill("cost", "--compare")
    assert "has everything" in waybill("plan")
