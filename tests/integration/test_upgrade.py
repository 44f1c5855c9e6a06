"""An installation that an older Waybill has made, brought up to date by `waybill apply`."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from google.cloud import bigquery

from bigquery_emulator import client_of
from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.run import run
from pipelines.operations.unload import plan_unload, unload

ARCHIVE = Path(__file__).parent.parent / "data" / "installation_c78e6ea.tar.gz"


def installed(folder: Path, url: str) -> tuple[Path, bigquery.Client]:
    """Unpack the installation and make its tables, with their rows; its config.yaml."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    home = folder / "inst" / "home"
    config = home / "config.yaml"
    text = config.read_text().replace("HOME", str(home)).replace("BIGQUERY", url)
    config.write_text(text.replace("job_timeout: 60", "job_timeout: 60, lost_seconds: 0"))
    client = client_of(url)
    found = [json.loads(path.read_text()) for path in (folder / "inst" / "warehouse").iterdir()]
    for dataset in sorted({each["table"]["tableReference"]["datasetId"] for each in found}):
        client.create_dataset(dataset)
    client.create_dataset("tinstallation_staging")
    # Views come after what they read.
    for each in sorted(found, key=lambda each: "view" in each["table"]):
        table = bigquery.Table.from_api_repr(each["table"])
        if "view" not in each["table"]:
            client.create_table(table)
            _fill(client, table, each["rows"])
    return config, client


def _fill(client: bigquery.Client, table: bigquery.Table, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        values = ", ".join(_literal(row[field.name], field) for field in table.schema)
        client.query(f"INSERT INTO `{table.reference}` VALUES ({values})").result()


def _literal(value: Any, field: bigquery.SchemaField) -> str:
    if value is None:
        return "NULL"
    if field.mode == "REPEATED":
        return f"[{', '.join(json.dumps(each) for each in value)}]"
    match field.field_type:
        case "INTEGER" | "INT64":
            return str(int(value))
        case "DATE" | "TIMESTAMP":
            return f"{field.field_type} '{value}'"
        case "JSON":
            return f"PARSE_JSON({json.dumps(json.dumps(value))})"
    return json.dumps(value)


def test_apply_brings_an_older_installation_up_to_date(tmp_path: Path, bigquery_url: str) -> None:
    config, client = installed(tmp_path, bigquery_url)
    before = sorted(
        tuple(row.values())
        for name in ("sales", "visits", "stock")
        for row in client.query(
            f"SELECT '{name}' AS feed, id, `_etl_file` FROM `demo.tinstallation.{name}`"
            " WHERE day > '2000-01-01'"
        )
    )
    assert len(before) == 13

    def waybill(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--config", str(config), *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "the one log" in waybill("apply")
    assert "has everything" in waybill("plan")
    assert "every row is accounted for" in waybill("verify")
    # One row a file, as before but for its name; the history has one row a load.
    counted = client.query(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT file_id) AS ids FROM `demo.tinstallation_meta.files`"
    )
    assert [tuple(row.values()) for row in counted] == [(11, 11)]
    # What it had loaded is known well enough to be taken out, replaced and brought back.
    runtime = build_runtime(read_settings(config))
    second = next(file for file in runtime.ledger.files.latest() if file.item.name == "second.csv")
    unload(runtime, plan_unload(runtime, [second]))
    (tmp_path / "inst/home/drop/sales/new.csv").write_text("id,day,amount\nb,2026-11-03,9\n")
    run(runtime, runtime.feeds)
    assert "every row is accounted for" in waybill("verify")
    assert "has everything" in waybill("plan")
