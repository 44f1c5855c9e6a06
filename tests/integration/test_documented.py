"""SQL and commands of README and docs, run as they stand there: one row for one row, whatever
became of its file since."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from google.api_core.exceptions import GoogleAPIError
from ruamel.yaml import YAML

from documented import KINDS, Snippet, must_say, run_blocks, snippets
from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.acknowledge.names import mark_of
from pipelines.operations.drift_decisions import list_drifts
from pipelines.operations.tables import apply
from schemas.odcs.reader import read_contract
from small_service import SmallService, csv, small_service

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
name: orders
version: 1.0.0
status: active
schema:
  - name: orders
    physicalName: sales.orders
    physicalType: table
    properties:
      - {name: order_id, logicalType: string, physicalType: STRING, primaryKey: true}
      - {name: order_date, logicalType: date, physicalType: DATE, partitioned: true}
      - {name: amount, logicalType: integer, physicalType: INT64}
    customProperties:
      - {property: rejectThreshold, value: 0.9}
"""
FEED = """
from pipelines import Feed
feed = Feed(name="orders", source="drop", match="**", contract="orders", write="{mode}")
"""
LEAST = """
ledger: {type: sql, url: "sqlite:///ledger.db"}
storage: {type: objects, url: storage}
warehouse: {type: bigquery, project: demo}
sources: {drop: {type: folder, path: drop}}
"""
SETS = {"dataset": "sales", "meta_dataset": "etl_meta", "staging_dataset": "etl_staging"}
HEAD = "order_id,order_date,amount"
ORDER = "SO-000761"


def blocks(page: str, kind: str) -> list[str]:
    """The marked blocks of a page."""
    return [each.text for each in snippets(page) if each.kind == kind and each.mark == "run"]


class Orders:
    """A feed of orders, loaded in one mode, and what its documents say to ask of it."""

    def __init__(self, service: SmallService, mode: str, *, apply_all: bool = True) -> None:
        for folder, name, text in (
            ("contracts", "orders.odcs.yaml", CONTRACT),
            ("feeds", "orders.py", FEED.format(mode=mode)),
        ):
            for old in (service.folder / folder).iterdir():
                old.unlink()
            (service.folder / folder / name).write_text(text)
        self.service = service
        service.runtime = build_runtime(read_settings(service.config))
        if apply_all:
            self.apply()

    def apply(self) -> None:
        apply(self.service.runtime, self.service.folder / "contracts")

    def waybill(self, line: str) -> str:
        """Run a command as it is written; it may say that something is the matter, and no more."""
        words = shlex.split(line, comments=True)
        assert words.pop(0) == "waybill", line
        if words[0] in ("unload", "replay", "backfill"):
            # A person would be asked.
            words.append("--yes")
        command = ["--config", str(self.service.config), *words]
        if words[0] == "apply":
            # It makes the console's tables too, and a process has one console.
            python = [sys.executable, "-m", "entrypoints.cli"]
            subprocess.run([*python, *command], check=True, capture_output=True)
            return ""
        done = CliRunner().invoke(cli, command)
        # No broker answers here, which the doctor says.
        assert done.exit_code in (0, 4 if words[0] == "doctor" else 1), (
            line,
            done.output,
            done.exception,
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), (
            line,
            done.exception,
        )
        return done.output

    def asked(self) -> tuple[str, int]:
        """The file and line of the order, as README's question finds them: exactly one."""
        (question,) = blocks("README.md", "sql")
        found = [tuple(row.values()) for row in self.service.client.query(question).result()]
        ((name, line, *_),) = found
        return str(name), int(line)


MODES = ("merge", "append", "replace_partition")


@pytest.fixture(params=MODES)
def orders(tmp_path: Path, bigquery_url: str, request: pytest.FixtureRequest) -> Orders:
    return Orders(small_service(tmp_path, bigquery_url, warehouse=SETS), request.param)


# Two minutes a mode, by the emulator's loads.
@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_question_finds_the_row_once_whatever_became_of_its_file(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README's join and its repair loop, after replay, retry, correction and drift."""
    service = orders.service
    monkeypatch.chdir(service.folder)
    text = f"{HEAD}\n{ORDER},2026-11-03,1\nSO-2,2026-11-03,bad\n"
    (service.folder / "shop.csv").write_text(text)
    service.drop("shop.csv", text)
    service.run()
    assert orders.asked() == ("shop.csv", 2)
    orders.waybill("waybill replay orders")
    service.run()
    assert orders.asked() == ("shop.csv", 2)
    orders.waybill("waybill retry shop.csv")
    service.run()
    assert orders.asked() == ("shop.csv", 2)
    mended = (service.folder / "drop" / "shop.csv.rejected.csv").read_text().replace("bad", "7")
    service.drop("mended.csv", mended)
    service.run()
    rows = service.sql("SELECT order_id, amount FROM sales.orders ORDER BY order_id")
    assert rows == [("SO-000761", 1), ("SO-2", 7)]
    assert orders.asked() == ("shop.csv", 2)
    service.drop("later.csv", f"{HEAD},note\nSO-9,2026-11-04,1,x\n")
    service.run()
    (drift,) = list_drifts(service.runtime, "orders")
    orders.waybill(f"waybill drift accept {drift.drift_id}")
    orders.apply()
    service.run()
    assert orders.asked() == ("shop.csv", 2)
    assert service.sql("SELECT COUNT(*) FROM sales.orders") == [(3,)]
    for question in run_blocks("sql"):
        list(service.client.query(question.text).result())


def test_every_command_is_one_with_these_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are run, and those that a page shows with their answers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.csv").touch()
    lines = [
        (str(block), line)
        for block in run_blocks("sh")
        for line in filter(None, block.text.splitlines())
    ]
    assert len(lines) > 20
    for place, line in lines:
        words = shlex.split(line, comments=True)
        command = cli.get_command(click.Context(cli), words[1])
        assert command is not None, (place, line)
        command.make_context(words[1], words[2:])


def test_every_snippet_says_whether_it_is_run() -> None:
    silent = [
        str(each)
        for page in must_say()
        for each in snippets(page)
        if each.kind in KINDS and not re.match(r"run$|not run: .", each.mark)
    ]
    assert silent == [], "write <!-- run --> or <!-- not run: WHY --> above them (CONTRIBUTING.md)"


@pytest.mark.parametrize("block", run_blocks("python"), ids=str)
def test_every_feed_is_one(block: Snippet) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "documented"})


def _secret(name: str) -> str:
    if "LEDGER" in name:
        return "sqlite:///ledger.db"
    return "https://example.com/hook" if re.search("URL|WEBHOOK", name) else "a" * 64


@pytest.mark.parametrize("block", run_blocks("yaml"), ids=str)
def test_every_contract_and_setting_is_read(
    block: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contract, or keys of one or of config.yaml, laid over the least that each needs."""
    path = tmp_path / "orders.odcs.yaml"
    text = block.text.replace("/run/secrets/", f"{tmp_path}/")
    for secret in re.findall(rf"{tmp_path}/(\w+)", text):
        (tmp_path / secret).write_text("a" * 64)
    for name in re.findall(r"\$\{(\w+)", text):
        monkeypatch.setenv(name, _secret(name))
    yaml = YAML(typ="safe", pure=True)
    tree = yaml.load(text)
    contract = {"kind", "slaProperties", "customProperties", "schema"} & tree.keys()
    least = yaml.load(CONTRACT if contract else LEAST)
    if "schema" not in tree and "customProperties" in tree:
        least["schema"][0]["customProperties"] = tree.pop("customProperties")
    with path.open("w") as out:
        yaml.dump({**least, **tree}, out)
    if contract:
        read_contract(path)
    else:
        read_settings(path)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("orders", ["merge"], indirect=True)
def test_all_that_is_written_can_be_run(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands and questions of all pages."""
    service = orders.service
    monkeypatch.chdir(service.folder)
    said: dict[str, str] = {}
    for number, page in enumerate(dict.fromkeys(each.page for each in run_blocks("sh"))):
        # Each page's own file, for a name that two files have is asked back.
        name = f"shop{number}.csv"
        text = f"{HEAD}\n{ORDER},2026-11-03,1\nSO-2,2026-11-03,bad\nSO-A{number},2026-11-05,1\n"
        (service.folder / name).write_text(text)
        service.drop(name, text)
        service.run()
        for line in filter(None, "".join(blocks(page, "sh")).splitlines()):
            said[line] = orders.waybill(line.replace("shop.csv", name))
            if line.startswith(("waybill retry", "waybill replay")):
                service.run()
    assert len(said) > 20
    assert ORDER in next(found for line, found in said.items() if "explain" in line)
    assert "partly" in next(found for line, found in said.items() if "check" in line)
    assert "unloaded" in next(found for line, found in said.items() if "unload" in line)


def test_two_feeds_of_one_object_leave_a_receipt_each_and_every_question_is_answered(
    tmp_path: Path, bigquery_url: str
) -> None:
    """Two in one, for the tables of `etl_meta` take seconds to make."""
    service = small_service(tmp_path, bigquery_url, warehouse=SETS)
    other = (service.folder / "feeds" / "sales.py").read_text()
    other = other.replace('"sales", source', '"again", source').replace('"**"', '"*.csv"')
    (service.folder / "feeds" / "again.py").write_text(other.replace('"merge"', '"append"'))
    service.runtime = build_runtime(read_settings(service.config))
    planned = CliRunner().invoke(cli, ["--config", str(service.config), "plan"])
    assert "feeds again and sales both take objects of source drop such as x.csv" in planned.stderr
    service.drop("a.csv", csv("a"))
    service.drop("deep/b.csv", csv("b"))
    service.run()
    left = sorted(str(p.relative_to(tmp_path / "drop")) for p in tmp_path.glob("drop/**/*.txt"))
    assert left == [
        "a.csv.again.receipt.txt", "a.csv.sales.receipt.txt", "deep/b.csv.receipt.txt"
    ]  # fmt: skip
    service.run()
    assert len(service.runtime.ledger.files.latest()) == 3
    for file in service.runtime.ledger.files.latest():
        gone = service.runtime.sources["drop"].forget(file.item, mark_of(service.runtime, file))
        assert gone == 2
    Orders(service, "merge", apply_all=False)
    service.runtime.warehouse.apply(service.runtime.tables(), service.runtime.views)
    for question in run_blocks("sql"):
        try:
            list(service.client.query(question.text).result())
        except GoogleAPIError as error:
            pytest.fail(f"{question}: {error}")
