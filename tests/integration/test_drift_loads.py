"""Files that differ from their contract, and files sent again corrected: the whole way."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from google.cloud import bigquery
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bigquery_emulator import client_of
from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.contract_folder import FolderState, compare
from pipelines.operations.run import run as run_pass
from pipelines.operations.tables import plan
from pipelines.runtime import Runtime
from schemas.contract import Type
from schemas.contract_revision import sha256_of

CONTRACT = """\
# Stock as the shops count it.
apiVersion: v3.1.0
kind: DataContract
id: 3f0f7c1e-2d0b-4b53-9a3d-7f5b6f0a1c09
name: Stock
version: 1.0.0
status: active
schema:
  - name: stock
    physicalName: DATASET.stock
    physicalType: table
    customProperties:
      - {property: drift, value: POLICY}  # as ops decided
      - {property: rejectThreshold, value: 1}
      - {property: dialect, value: {delimiter: ";", encoding: cp1252}}
    properties:
      - name: sku
        logicalType: string
        physicalType: STRING
        required: true
        primaryKey: true
      - name: quantity  # pieces
        logicalType: integer
        physicalType: INT64
        required: true
      - name: note
        logicalType: string
        physicalType: STRING
"""
FEED = """\
from pipelines import Feed, every

def doubled(stock):
    return stock[["sku", "quantity", "note"] + list(stock.columns[3:])]

feed = Feed(name="stock", source="drop", match="**/*.csv", contract="stock", write="merge",
            transform=doubled, schedule=every(minutes=5), language="LANGUAGE")
"""
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "receipt.schema.json"


@dataclass
class World:
    """A configured Waybill of one test's own, used through its command line."""

    folder: Path
    client: bigquery.Client
    dataset: str

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def contract(self) -> Path:
        return self.folder / "schemas" / "stock.odcs.yaml"

    def waybill(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["--config", str(self.config), *arguments])
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout

    def drop(self, name: str, text: str) -> dict[str, Any]:
        """Drop a file, run a pass, and return its receipt."""
        (self.folder / "drop" / name).write_bytes(text.encode("cp1252"))
        self.waybill("run")
        return self.receipt(name)

    def receipt(self, name: str) -> dict[str, Any]:
        text = (self.folder / "drop" / f"{name}.receipt.json").read_text("utf-8")
        found: dict[str, Any] = json.loads(text)
        Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(found)
        return found

    def answer(self, name: str, suffix: str = ".receipt.txt") -> str:
        return (self.folder / "drop" / f"{name}{suffix}").read_text("utf-8")

    def rows(self, columns: str = "sku, quantity, note") -> list[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM `demo.{self.dataset}.stock` ORDER BY sku"
        return [tuple(row.values()) for row in self.client.query_and_wait(sql)]

    def drifts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.waybill("drift", "--json"))
        return found


@pytest.fixture
def world(tmp_path: Path, bigquery_url: str) -> Callable[..., World]:
    def made(policy: str, language: str = "en") -> World:
        dataset = f"d{uuid.uuid4().hex[:12]}"
        for name in ("drop", "schemas", "dags"):
            (tmp_path / name).mkdir()
        text = CONTRACT.replace("POLICY", policy).replace("DATASET", dataset)
        (tmp_path / "schemas" / "stock.odcs.yaml").write_text(text)
        (tmp_path / "dags" / "stock.py").write_text(FEED.replace("LANGUAGE", language))
        config = {
            "ledger": {"type": "sql", "url": f"sqlite:///{tmp_path / 'ledger.db'}"},
            "storage": {"type": "objects", "url": str(tmp_path / "storage")},
            "warehouse": {
                "type": "bigquery", "project": "demo", "location": "US",
                "api_endpoint": bigquery_url, "job_timeout": 20,
                "meta_dataset": f"meta_{dataset}", "staging_dataset": f"staging_{dataset}",
            },
            "sources": {
                "drop": {"type": "folder", "path": str(tmp_path / "drop"), "settle_seconds": 0}
            },
            "folders": {
                "contracts": "schemas", "feeds": "dags", "work": "work", "templates": "templates",
            },
        }  # fmt: skip
        with (tmp_path / "config.yaml").open("w") as out:
            YAML(typ="safe", pure=True).dump(config, out)
        client = client_of(bigquery_url)
        it = World(tmp_path, client, dataset)
        # It makes the console's tables too, and a process has one console.
        python = [
            sys.executable,
            "-m",
            "entrypoints.cli",
            "--config",
            str(tmp_path / "config.yaml"),
        ]
        subprocess.run([*python, "apply"], check=True, capture_output=True, timeout=120)
        return it

    return made


def elsewhere(it: World, contract: str) -> Runtime:
    """A process on a machine whose folder has that contract."""
    folder = it.folder / "elsewhere"
    folder.mkdir()
    (folder / "stock.odcs.yaml").write_text(contract)
    settings = read_settings(it.config)
    folders = settings.folders.model_copy(update={"contracts": folder})
    return build_runtime(settings.model_copy(update={"folders": folders}))


def test_a_held_file_loads_once_its_drift_is_accepted(world: Callable[..., World]) -> None:
    it = world("strict")
    runtime = build_runtime(read_settings(it.config))  # a service that runs all the while
    held = it.drop("new.csv", "SKU;Quantity;note;Shelf No.\r\na;1;x;12\r\nb;2;y;7\r\n")
    assert (held["outcome"], held["held"], held["counts"]["loaded"]) == ("quarantined", True, 0)
    assert 'does not know the column "Shelf No."' in it.answer("new.csv")
    assert "waiting, nothing is loaded" in it.answer("new.csv")
    it.drop("again.csv", "sku;quantity;note;Shelf No.\na;3;x;1\n")
    (drift,) = it.drifts()
    assert (drift["files"], len(drift["held"]), it.rows()) == (2, 2, [])
    assert "physicalType: INT64" in drift["proposal"]
    table = it.waybill("drift")
    assert max(map(len, table.splitlines())) <= 80
    assert "physicalType: INT64" in it.waybill("drift", "show", drift["drift_id"][:5])
    it.waybill("drift", "show", "zzz", code=1)
    before = it.contract.read_text()
    assert runtime.contracts["stock"].version == sha256_of(before)[:12]
    it.waybill("drift", "accept", drift["drift_id"])
    text = it.contract.read_text()
    assert "# Stock as the shops count it." in text
    assert "- name: quantity  # pieces" in text
    assert text.splitlines()[-3:] == [
        "      - name: shelf_no",
        "        logicalType: integer",
        "        physicalType: INT64",
    ]
    there = elsewhere(it, before)
    assert there.contracts["stock"].column("shelf_no").type is Type.INT64
    [behind] = compare(there, it.folder / "elsewhere")
    assert (behind.state, behind.number) == (FolderState.BEHIND, 2)
    assert plan(there, it.folder / "elsewhere") == []
    log = json.loads(it.waybill("contracts", "log", "stock", "--json"))
    assert [(each["revision"], each["drift_id"]) for each in log] == [
        (2, drift["drift_id"]), (1, None),
    ]  # fmt: skip
    assert json.loads(it.waybill("contracts", "--json"))[0]["state"] == "same"
    run_pass(runtime, ["stock"])
    assert it.receipt("new.csv")["outcome"] == "accepted"
    assert it.rows("sku, quantity, shelf_no") == [("a", 3, 1), ("b", 2, 7)]
    assert it.drifts() == []
    assert it.drop("later.csv", "sku;quantity;note;shelf no\nc;1;;5\n")["drift"] == []
    assert json.loads(it.waybill("plan", "--json")) == []


def test_missing_renamed_and_reordered_columns(world: Callable[..., World]) -> None:
    it = world("strict")
    lost = it.drop("lost.csv", "sku;note\na;x\n")
    assert [note["column"] for note in lost["drift"]] == ["quantity"]
    renamed = it.drop("renamed.csv", "note;qty;sku\nx;1;a\n")
    kinds = {note["kind"]: note["held"] for note in renamed["drift"]}
    assert kinds == {"renamed column": True, "changed order": False}
    for drift in it.drifts():
        it.waybill("drift", "accept", drift["drift_id"])
    it.waybill("run")
    assert it.receipt("lost.csv")["outcome"] == it.receipt("renamed.csv")["outcome"] == "accepted"
    assert it.rows("sku, quantity") == [("a", 1)]
    assert it.drop("fine.csv", "note;qty;sku\nx;5;b\n")["drift"] == []


def test_additive_columns_reach_the_table_as_text(world: Callable[..., World]) -> None:
    it = world("additive")
    added = it.drop("one.csv", "sku;quantity;Größe (cm)\na;1;007\n")
    assert added["outcome"] == "accepted"
    assert {note["kind"] for note in added["drift"]} == {"new column", "missing column"}
    assert it.drop("two.csv", "sku;quantity;note\nb;2;plain\n")["drift"] == []
    assert it.rows("sku, quantity, note, grosse_cm") == [
        ("a", 1, None, "007"),
        ("b", 2, "plain", None),
    ]
    new = next(each for each in it.drifts() if each["finding"]["kind"] == "new column")
    assert "physicalType: STRING" in new["proposal"]
    it.waybill("drift", "accept", new["drift_id"])
    assert json.loads(it.waybill("plan", "--json")) == []
    assert it.drop("three.csv", "sku;quantity;note;Größe (cm)\nc;3;;9\n")["drift"] == []
    assert it.rows("grosse_cm") == [("007",), (None,), ("9",)]


def test_ignored_columns_are_left_out_and_noted_once(world: Callable[..., World]) -> None:
    it = world("ignore")
    assert it.drop("one.csv", "sku;quantity;note;x\na;1;;5\n")["outcome"] == "accepted"
    (drift,) = it.drifts()
    it.waybill("drift", "dismiss", drift["drift_id"])
    assert it.drop("two.csv", "sku;quantity;x\nb;2;5\n")["drift"][0]["kind"] == "missing column"
    assert it.rows() == [("a", 1, None), ("b", 2, None)]


def test_a_corrected_rejects_file_makes_the_table_as_if_it_had_been_right(
    world: Callable[..., World],
) -> None:
    it = world("strict", "es")
    receipt = it.drop(
        "días.csv",
        'sku;quantity;note\r\na;1;"one;two"\r\nb;dos;=1+1\r\nc;;"señal ""x"""\r\nd;4;\'=keep\r\n'
        "e;x;-5,20\r\nf;1;too;many\r\n",
    )
    assert (receipt["outcome"], receipt["counts"]["rejected"]) == ("partly", 4)
    text = it.answer("días.csv")
    assert "Filas rechazadas" in text
    assert "Para corregirlo:" in text
    assert "Rows" not in text
    rejected = (it.folder / "drop" / "días.csv.rejected.csv").read_bytes().decode("cp1252")
    lines = rejected.split("\r\n")
    assert lines[0] == "sku;quantity;note;_line;_error;_file"
    assert lines[1].startswith("b;dos;'=1+1;3;")
    assert lines[3].startswith("e;x;-5,20;6;")
    assert lines[4].startswith('f;1;"too;many";7;')
    mended = rejected.replace("b;dos;", "b;2;").replace("c;;", "c;3;").replace("e;x;", "e;5;")
    again = it.drop("corregido.csv", mended)
    assert (again["outcome"], again["drift"]) == ("accepted", [])
    assert it.rows() == [
        ("a", 1, "one;two"),
        ("b", 2, "=1+1"),
        ("c", 3, 'señal "x"'),
        ("d", 4, "'=keep"),
        ("e", 5, "-5,20"),
        ("f", 1, "too;many"),
    ]


def test_own_templates_come_first_and_names_cannot_leave_the_folder(
    world: Callable[..., World],
) -> None:
    it = world("strict", "es")
    (it.folder / "templates").mkdir()
    (it.folder / "templates" / "receipt.es.txt.j2").write_text("{{ receipt.name }}: {{ headline }}")
    name = "x..%2f..\\evil\n.csv"
    it.drop(name, "sku;quantity;note\na;1;x\n")
    answers = sorted(path.name for path in (it.folder / "drop").iterdir())
    assert answers == [f"{name}{end}" for end in ("", ".receipt.json", ".receipt.txt")]
    assert "aceptado" in it.answer(name)
    assert not [path for path in it.folder.parent.rglob("*evil*") if path.parent.name != "drop"]
    it.waybill("run")
    assert len(list((it.folder / "drop").iterdir())) == 3
