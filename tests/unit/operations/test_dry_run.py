"""The dry run of a file under a feed, and the two commands as a person calls them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.bigquery.capabilities import BIGQUERY
from entrypoints.cli import cli
from pipelines.feed import Feed
from pipelines.operations.dry_run import Checked, check
from schemas.contract import Column, Contract, TimePartition, Type
from schemas.drift import DriftKind
from schemas.file import Outcome
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

CONTRACT = Contract(
    name="sales",
    version="1",
    table="sales",
    columns=(
        Column(name="id", type=Type.INT64, required=True),
        Column(name="day", type=Type.DATE),
        Column(name="price", type=Type.NUMERIC),
    ),
    partition=TimePartition(column="day"),
)
FEED = Feed(name="sales", source="drop", match="*", contract="sales")


def checked(folder: Path, text: str) -> Checked:
    path = folder / "sales.csv"
    path.write_text(text)
    work = folder / "work"
    work.mkdir()
    return check(path, FEED, CONTRACT, Limits(), work, capabilities=BIGQUERY)


def test_a_good_file_is_accepted_and_its_quotas_are_counted(tmp_path: Path) -> None:
    found = checked(tmp_path, "id,day,price\n1,2026-11-01,1.5\n2,2026-11-02,2\n")
    assert (found.outcome, found.reason, found.rejects) == (Outcome.ACCEPTED, None, ())
    assert found.partitions == ("2026-11-01", "2026-11-02")
    assert found.load_bytes > 0
    used = {each.what: each.uses for each in found.quotas}
    assert used["load jobs of the table a day"] == 1
    assert used["partitions of a job"] == 2
    assert [column.name for column, _ in found.columns] == ["id", "day", "price"]


def test_bad_rows_are_grouped_by_rule_with_their_lines(tmp_path: Path) -> None:
    rows = "".join(f"{n},2026-11-01,1\n" for n in range(20))
    found = checked(tmp_path, f"id,day,price\n{rows}x,2026-11-01,1\ny,2026-11-01,1\n,z,1\n1,2\n")
    assert found.outcome is Outcome.PARTLY
    assert (found.counts.read, found.counts.loaded, found.counts.rejected) == (24, 20, 4)
    groups = {(each.rule, each.column): each for each in found.rejects}
    assert groups["type", "id"].rows == 2
    assert [line for line, *_ in groups["type", "id"].examples] == [22, 23]
    assert groups["columns", None].rows == 1
    assert groups["required", "id"].examples[0][0] == 24


def test_a_file_of_another_dialect_is_quarantined_with_the_evidence(tmp_path: Path) -> None:
    found = checked(tmp_path, "id;day;amount\n1;2026-11-01;1,5\n2;2026-11-02;2,5\n")
    assert found.outcome is Outcome.QUARANTINED
    assert found.reason
    assert (found.counts.loaded, found.quotas, found.partitions) == (0, (), ())
    assert [each.what for each in found.disagreements] == ["delimiter"]


def test_text_of_fixed_width_is_called_that(tmp_path: Path) -> None:
    lines = [f"{n:<8}2026-11-{n:02}   {n}.50     \n" for n in range(1, 9)]
    found = checked(tmp_path, "".join(["id      day          price    \n", *lines]))
    assert found.outcome is Outcome.QUARANTINED
    assert ["3 columns of fixed width" in each.render() for each in found.disagreements] == [True]


def test_drift_of_order_is_seen(tmp_path: Path) -> None:
    found = checked(tmp_path, "price,day,id\n1.5,2026-11-01,1\n2,2026-11-02,2\n")
    assert [each.kind for each in found.drift] == [DriftKind.ORDER]
    assert found.outcome is Outcome.ACCEPTED


def test_drift_is_what_a_real_run_finds(tmp_path: Path) -> None:
    rows = "".join(f"{n},2026-11-{n + 1:02},1.5\n" for n in range(20))
    found = checked(tmp_path, f"id,day,Price EUR,colour\n{rows}".replace(".5\n", ".5,red\n"))
    kinds = {each.kind: each for each in found.drift}
    assert set(kinds) == {DriftKind.RENAMED, DriftKind.NEW}
    assert (kinds[DriftKind.RENAMED].column, kinds[DriftKind.RENAMED].cell) == (
        "price",
        "Price EUR",
    )
    assert kinds[DriftKind.RENAMED].held
    assert found.outcome is Outcome.QUARANTINED
    assert "looks like price under another name" in str(found.reason)


FEED_TEXT = """
from pipelines import Feed, every

feed = Feed(name="sales", source="drop", match="*", contract="sales", schedule=every(minutes=5))
"""
CONFIG_TEXT = """
ledger: {type: sql, url: "sqlite:///nowhere.db"}
storage: {type: objects, url: nowhere}
warehouse: {type: bigquery, project: nobody, location: EU}
sources:
  drop: {type: folder, path: nowhere}
folders: {contracts: schemas, feeds: dags, work: work}
"""


def test_from_a_file_to_a_contract_to_a_dry_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "sales.py").write_text(FEED_TEXT)
    (tmp_path / "config.yaml").write_text(CONFIG_TEXT)
    lines = "".join(f"{n:04};{n % 28 + 1:02}/11/2026;{n},50 €\r\n" for n in range(40))
    path = tmp_path / "export.csv"
    path.write_bytes(f"Ventas\r\n\r\nCódigo;Día;Precio\r\n{lines}".encode("cp1252"))
    run = CliRunner()
    out = "schemas/sales.odcs.yaml"
    told = run.invoke(cli, ["infer", str(path), "--out", out])
    assert told.exit_code == 0, told.output
    assert all(len(line) <= 80 for line in told.output.splitlines())
    contract = read_contract(tmp_path / out)
    assert isinstance(contract, Contract)
    assert contract.dialect.encoding == "cp1252"
    assert (contract.dialect.delimiter, contract.dialect.preamble) == (";", 2)
    kinds = {column.name: column.type for column in contract.columns}
    assert kinds == {"codigo": Type.STRING, "dia": Type.DATE, "precio": Type.NUMERIC}
    assert "40 filled cells are dates dd/MM/yyyy" in (tmp_path / out).read_text(encoding="utf-8")

    again = run.invoke(cli, ["infer", str(path), "--out", out])
    assert again.exit_code == 2
    before = set(tmp_path.rglob("*"))
    dry = run.invoke(cli, ["check", str(path), "--feed", "sales", "--json"])
    found = json.loads(dry.output)
    assert found["disagreements"] == []
    assert found["drift"] == []
    assert found["counts"]["read"] == 40
    assert set(tmp_path.rglob("*")) == before

    other = tmp_path / "other.csv"
    other.write_text("Código,Día,Precio\n0001,01/11/2026,1\n0002,02/11/2026,2\n")
    refused = run.invoke(cli, ["check", str(other), "--feed", "sales"])
    assert refused.exit_code == 1
    assert "quarantined" in refused.output
    assert all(len(line) <= 80 for line in refused.output.splitlines())
    assert run.invoke(cli, ["check", str(other), "--feed", "nope"]).exit_code == 1
