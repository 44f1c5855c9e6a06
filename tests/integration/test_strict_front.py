"""The product before the strict BigQuery: what it sends, what that costs, what comes late."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery

from bigquery_emulator import client_of
from entrypoints.cli import cli
from one_feed import a_world
from pipelines.operations.cost import cost
from pipelines.operations.unload import plan_unload, unload
from pipelines.operations.verify import verify
from schemas.batch import WriteMode
from schemas.errors import DataError
from small_service import CONTRACT, FEED, SmallService, csv, small_service
from strict_bigquery.control import StrictFront

MB = 1000 * 1000


def run_job(client: bigquery.Client, sql: str, job_id: str) -> bigquery.QueryJob:
    return client.query(sql, job_id=job_id, job_retry=None)


_OUTSIDE = (
    "DECLARE done BOOL DEFAULT (SELECT COUNT(*) > 0 FROM `demo.{0}.log`);"
    " IF NOT done THEN BEGIN TRANSACTION; INSERT INTO `demo.{0}.log` (n) VALUES (1);"
    " COMMIT TRANSACTION; END IF;"
)
_INSIDE = (
    "DECLARE done BOOL; BEGIN TRANSACTION;"
    " SET done = (SELECT COUNT(*) > 0 FROM `demo.{0}.log`);"
    " IF NOT done THEN INSERT INTO `demo.{0}.log` (n) VALUES (1);"
    " TRUNCATE TABLE `demo.{0}.staged`; END IF; COMMIT TRANSACTION;"
)


@pytest.mark.parametrize(("script", "rows"), [(_OUTSIDE, 2), (_INSIDE, 1)])
def test_a_job_that_comes_late_knows_what_it_asked_early(
    bigquery_url: str, strict_front: StrictFront, script: str, rows: int
) -> None:
    """T5: the front shows the fault (asked outside, nothing that both change) and its mend."""
    client, name = client_of(bigquery_url), f"t{uuid.uuid4().hex[:12]}"
    client.create_dataset(name)
    client.query(f"CREATE TABLE {name}.log (n INT64)").result()
    client.query(f"CREATE TABLE {name}.staged (n INT64)").result()
    strict_front.hold("^late")
    late = run_job(client, script.format(name), f"late{name}")
    client.cancel_job(late.job_id)
    late.reload()
    assert late.state == "RUNNING"
    run_job(client, script.format(name), f"soon{name}").result()
    assert strict_front.let_go() == 1
    found = client.get_job(late.job_id)
    if rows == 1:
        with pytest.raises(BadRequest, match="concurrent update against table"):
            found.result()
    else:
        found.result()
    assert [tuple(row.values()) for row in client.query(f"SELECT COUNT(*) AS n FROM {name}.log")] \
        == [(rows,)]  # fmt: skip


def test_a_transaction_given_up_as_lost_commits_nothing_when_it_ends_at_last(
    tmp_path: Path, bigquery_url: str, strict_front: StrictFront
) -> None:
    service = small_service(tmp_path, bigquery_url, warehouse={"job_timeout": 1, "lost_seconds": 0})
    (service.folder / "feeds" / "sales.py").write_text(FEED.replace('"merge"', '"append"'))
    service = _again(service)
    service.drop("a.csv", csv("a", "b"))
    strict_front.hold("_commit_1$")
    service.run()
    assert strict_front.let_go() == 1
    service.run()
    query = "SELECT COUNT(*) AS n FROM DATA.sales WHERE day > '2000-01-01'"
    assert service.sql(query) == [(2,)]
    assert list(verify(service.runtime, "sales")) == []


def _again(service: SmallService) -> SmallService:
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings

    service.runtime = build_runtime(read_settings(service.config))
    return service


@pytest.mark.parametrize(("mode", "most"), [("append", 60 * MB), ("merge", 150 * MB)])
def test_a_batch_of_small_files_stays_within_its_budget(
    tmp_path: Path, bigquery_url: str, strict_front: StrictFront, mode: str, most: int
) -> None:
    """T10: every file has rows, replaced ones where it merges, and rejected ones."""
    service = small_service(tmp_path, bigquery_url)
    (service.folder / "feeds" / "sales.py").write_text(FEED.replace('"merge"', f'"{mode}"'))
    key = "physicalType: DATE, required: true, primaryKey: true, primaryKeyPosition: 2"
    contract = CONTRACT.replace("physicalType: DATE", key)
    (service.folder / "contracts" / "sales.odcs.yaml").write_text(contract)
    service = _again(service)
    service.client.delete_table(f"{service.dataset}.sales")
    service.runtime.warehouse.apply(service.runtime.tables(), ())
    for round_ in range(2):
        for number in range(100):
            text = csv(f"k{number}", f"j{number}") + "bad,2026-02-30,1\n"
            service.drop(f"{round_}-{number}.csv", text.replace(",1\n", f",{round_}\n"))
        service.run()
    batch = max(file.batch_id or "" for file in service.runtime.ledger.files.latest(limit=1))
    jobs = [job for job in strict_front.jobs(waybill_batch=batch) if "query" in
            job["configuration"]]  # fmt: skip
    billed = sum(job["bytes_billed"] for job in jobs)
    assert 0 < billed <= most
    sums = service.runtime.ledger.costs.sums(service.runtime.now().replace(year=2000))
    assert sum(each.bytes_billed for each in sums if each.command == "load") >= billed
    loads = [job for job in strict_front.jobs(waybill_batch=batch) if "load" in
             job["configuration"]]  # fmt: skip
    assert len(loads) == 1


HOSTILE = ("t", "s", "r", "f", "at", "rows", "table", "files", "batch", "_now", "_committed",
           "start", "select", "end", "n", "kept", "since", "target", "file_id")  # fmt: skip


# What appending asks of BigQuery, merging asks too.
@pytest.mark.parametrize(
    "mode",
    [WriteMode.MERGE, pytest.param(WriteMode.REPLACE_PARTITION, marks=pytest.mark.long)],
)
def test_columns_may_have_any_name(tmp_path: Path, bigquery_url: str, mode: WriteMode) -> None:
    service = small_service(tmp_path, bigquery_url)
    names = [each for each in HOSTILE if each != "t"]
    columns = "\n".join(f"      - {{name: {each}, logicalType: string}}" for each in names)
    contract = CONTRACT.replace("name: id,", "name: t,").replace("name: day", "name: at_day")
    (service.folder / "contracts" / "sales.odcs.yaml").write_text(contract + columns + "\n")
    (service.folder / "feeds" / "sales.py").write_text(FEED.replace("merge", mode.value))
    service = _again(service)
    service.client.delete_table(f"{service.dataset}.sales")
    service.runtime.warehouse.apply(service.runtime.tables(), ())
    head = ",".join(["t", "at_day", "amount", *names])

    def text(*keys: str) -> str:
        rows = [",".join([key, "2026-11-03", "1", *names]) for key in keys]
        return "\n".join([head, *rows]) + "\n"

    service.drop("one.csv", text("a", "b"))
    service.run()
    service.drop("two.csv", text("b", "c"))
    service.run()
    service.drop("one.csv", text("a", "d"))
    service.run()
    (two,) = service.runtime.ledger.files.find("two.csv")
    unload(service.runtime, plan_unload(service.runtime, [two]))
    service.run()
    rows = service.sql("SELECT t, _now FROM DATA.sales WHERE at_day > '2000-01-01' ORDER BY t")
    assert rows == [("a", "_now"), ("d", "_now")]
    assert list(verify(service.runtime, "sales")) == []
    found = service.runtime.warehouse.find_rows(
        service.runtime.contracts["sales"], "t = 'd' AND `at` = 'at'", 5
    )
    assert [row.values["t"] for row in found] == ["d"]


def test_every_job_says_what_it_is_for(
    tmp_path: Path, bigquery_url: str, strict_front: StrictFront
) -> None:
    service = small_service(tmp_path, bigquery_url)
    before = len(strict_front.jobs())
    service.drop("Ärger & co.csv", csv("a"))
    service.run()
    list(verify(service.runtime, "sales"))
    sent = [job["configuration"].get("labels") or {} for job in strict_front.jobs()[before:]]
    assert {each["waybill_command"] for each in sent} >= {"load", "verify"}
    loads = [each for each in sent if each["waybill_command"] == "load"]
    assert {each["waybill_table"] for each in loads} == {"sales"}
    report = cost(service.runtime, service.runtime.now().replace(year=2000), compare=True)
    assert report.bytes_billed > 0
    done = CliRunner().invoke(cli, ["--config", str(service.config), "cost"])
    assert done.exit_code == 0, done.output
    assert "about $" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_what_reads_much_asks_first(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url, warehouse={"ask_above_bytes": 1})
    service.drop("a.csv", csv("a"))
    service.run()
    command = ["--config", str(service.config), "verify"]
    refused = CliRunner().invoke(cli, command)
    assert refused.exit_code == 2
    assert "BigQuery reads" in refused.output
    assert CliRunner().invoke(cli, [*command, "--yes"]).exit_code == 0
    assert CliRunner().invoke(cli, [*command, "--since", "1d", "--yes"]).exit_code == 0
    where = ["--config", str(service.config), "explain", "sales", "--where", "id = 'a'"]
    assert CliRunner().invoke(cli, where).exit_code == 2
    assert CliRunner().invoke(cli, [*where, "--since", "1d", "--yes"]).exit_code == 0


def test_the_doctor_tries_every_statement(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    command = ["--config", str(service.config), "doctor", "--dry-run", "--json"]
    lines = json.loads(CliRunner().invoke(cli, command).stdout)
    (statements,) = [each for each in lines if each["part"].startswith("statements")]
    assert statements["ok"], statements
    assert "statements are taken" in statements["says"]
    leftovers = service.runtime.warehouse.leftovers()
    assert leftovers == {}
    service.client.delete_table(f"{service.dataset}_meta.rejected_rows")
    lines = json.loads(CliRunner().invoke(cli, command).stdout)
    wrong = [each for each in lines if each["part"].startswith("statements") and not each["ok"]]
    assert any("rejected_rows" in each["says"] for each in wrong)
    assert all("waybill apply" in each["hint"] for each in wrong if "rejected" in each["says"])


def test_a_foreign_job_is_not_shown(bigquery_url: str) -> None:
    """T9"""
    client = client_of(bigquery_url)
    job = client.query("SELECT 1 AS n")
    job.result()
    request = urllib.request.Request(
        f"{bigquery_url}/bigquery/v2/projects/demo/jobs/{job.job_id}",
        headers={"Authorization": "Bearer somebody-else"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_a_partition_list_too_long_for_one_statement_splits_the_batch(bigquery_url: str) -> None:
    """F7, F8: refused by size before it is sent, so that the batch is halved."""
    from connectors.bigquery.commit import MAX_REQUEST, _refuse_too_much
    from schemas.batch import Batch

    batch = Batch(batch_id="b", feed="f", table="t", files=())
    with pytest.raises(DataError, match="too many partitions"):
        _refuse_too_much(batch, "x" * 1_000_001, bigquery.QueryJobConfig())
    # Escaped, every such letter is six bytes.
    large: Any = [bigquery.ScalarQueryParameter("p", "STRING", "\u00e9" * (MAX_REQUEST // 6))]
    with pytest.raises(DataError, match="too much for one request"):
        _refuse_too_much(batch, "x", bigquery.QueryJobConfig(query_parameters=large))


def test_the_settings_of_a_project_are_sent(tmp_path: Path, bigquery_url: str) -> None:
    key = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    service = small_service(
        tmp_path,
        bigquery_url,
        warehouse={
            "kms_key": key,
            "datasets": {"labels": {"team": "data"}, "time_travel_hours": 72,
                         "storage_billing": "PHYSICAL", "description": "By Waybill."},
        },
    )  # fmt: skip
    made = service.client.get_dataset(service.dataset)
    assert (made.labels, made.description) == ({"team": "data"}, "By Waybill.")
    assert made.max_time_travel_hours == "72" or made.max_time_travel_hours == 72
    service.drop("a.csv", csv("a"))
    assert [str(file.outcome) for file in service.run()] == ["accepted"]


def test_a_key_is_declared_only_where_rows_are_merged(bigquery_url: str) -> None:
    for mode in (WriteMode.MERGE, WriteMode.APPEND):
        with a_world(bigquery_url, mode) as world:
            world.runtime.warehouse.apply(world.runtime.tables(), ())
            found = world.client.get_table(f"{world.config.dataset}.stock").table_constraints
            key = list(found.primary_key.columns) if found and found.primary_key else []
            assert key == (["k"] if mode is WriteMode.MERGE else [])


def test_a_table_with_row_policies_lets_the_service_see_all(
    tmp_path: Path, bigquery_url: str
) -> None:
    service = small_service(
        tmp_path, bigquery_url, warehouse={"row_access_member": "user:etl@example.com"}
    )
    table = f"`demo.{service.dataset}.sales`"
    assert service.runtime.warehouse.plan(service.runtime.tables(), ()) == []
    service.client.query(
        f"CREATE ROW ACCESS POLICY north ON {table} GRANT TO ('user:ana@example.com')"
        " FILTER USING (amount > 5)"
    ).result()
    (change,) = service.runtime.warehouse.apply(service.runtime.tables(), ())
    assert change.what == "let user:etl@example.com see every row"
    assert service.runtime.warehouse.plan(service.runtime.tables(), ()) == []


def test_a_snapshot_keeps_the_table_before_an_unload(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    service.drop("a.csv", csv("a", "b"))
    service.run()
    command = ["--config", str(service.config), "unload", "a.csv", "--yes", "--snapshot"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    (kept,) = [
        table.table_id
        for table in service.client.list_tables(service.dataset)
        if table.table_id.startswith("sales_")
    ]
    assert kept in done.output
    counts = f"SELECT (SELECT COUNT(*) FROM DATA.{kept} WHERE day > '2000-01-01') AS kept"
    assert service.sql(counts) == [(2,)]
    assert service.sql("SELECT COUNT(*) AS n FROM DATA.sales WHERE day > '2000-01-01'") == [(0,)]


def test_incremental_models_see_which_partitions_changed(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    query = "SELECT `partition`, reason FROM META.changes WHERE changed_at > TIMESTAMP '{}'"
    service.drop("a.csv", csv("a", "b") + csv("c", day="2026-11-05").split("\n", 1)[1])
    service.run()
    assert set(service.sql(query.format("2000-01-01"))) == {
        ("2026-11-03", "load"), ("2026-11-05", "load"),
    }  # fmt: skip
    ((at,),) = service.sql("SELECT MAX(changed_at) AS at_ FROM META.changes")
    # The key moves to another day: its old row goes from the day before.
    service.drop("b.csv", csv("a", day="2026-11-07"))
    service.run()
    assert set(service.sql(query.format(at.isoformat()))) == {
        ("2026-11-07", "load"), ("2026-11-03", "replacement"),
    }  # fmt: skip
    ((at,),) = service.sql("SELECT MAX(changed_at) AS at_ FROM META.changes")
    (b,) = service.runtime.ledger.files.find("b.csv")
    unload(service.runtime, plan_unload(service.runtime, [b]))
    service.run()
    assert ("2026-11-07", "unload") in set(service.sql(query.format(at.isoformat())))


def test_a_merge_looks_no_further_back_than_its_contract_says(
    tmp_path: Path, bigquery_url: str, strict_front: StrictFront
) -> None:
    service = small_service(tmp_path, bigquery_url)
    words = "    customProperties:\n      - {property: mergeLookbackDays, value: 30}\n"
    contract = CONTRACT.replace("    physicalType: table\n", "    physicalType: table\n" + words)
    (service.folder / "contracts" / "sales.odcs.yaml").write_text(contract)
    service = _again(service)
    service.drop("old.csv", csv("a", day="2026-09-03") + csv("b", day="2026-10-20")[14:])
    service.run()
    service.drop("new.csv", csv("a", "b", day="2026-11-03"))
    service.run()
    rows = service.sql("SELECT id, day FROM DATA.sales WHERE day > '2000-01-01' ORDER BY id, day")
    assert [(key, str(day)) for key, day in rows] == [
        ("a", "2026-09-03"), ("a", "2026-11-03"), ("b", "2026-11-03"),
    ]  # fmt: skip
    assert list(verify(service.runtime, "sales")) == []


def test_arrays_and_bytes_arrive(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    more = """\
      - {name: tags, logicalType: array, physicalType: ARRAY<STRING>}
      - {name: sizes, logicalType: array, physicalType: ARRAY<INT64>}
      - {name: days, logicalType: array, physicalType: ARRAY<DATE>}
      - {name: prices, logicalType: array, physicalType: "ARRAY<NUMERIC(10, 2)>"}
      - {name: picture, logicalType: string, physicalType: BYTES}
"""
    dialect = "    customProperties:\n      - {property: dialect, value: {format: jsonl}}\n"
    dialect += "      - {property: rejectThreshold, value: 1}\n"
    contract = CONTRACT.replace("    physicalType: table\n", "    physicalType: table\n" + dialect)
    (service.folder / "contracts" / "sales.odcs.yaml").write_text(contract + more)
    service = _again(service)
    service.client.delete_table(f"{service.dataset}.sales")
    service.runtime.warehouse.apply(service.runtime.tables(), ())
    assert service.runtime.warehouse.plan(service.runtime.tables(), ()) == []
    rows: list[dict[str, Any]] = [
        {"id": "a", "day": "2026-11-03", "amount": 1, "tags": ["x", "", "é, \"q\""],
         "sizes": [3, -1], "days": ["2026-02-28"], "prices": [19.90, 1], "picture": "AP9h"},
        {"id": "b", "day": "2026-11-03", "amount": 1, "tags": []},
        {"id": "null", "day": "2026-11-03", "amount": 1, "sizes": [1, None]},
        {"id": "date", "day": "2026-11-03", "amount": 1, "days": ["2026-02-30"]},
        {"id": "list", "day": "2026-11-03", "amount": 1, "tags": "x"},
        {"id": "nested", "day": "2026-11-03", "amount": 1, "tags": [["x"]]},
        {"id": "bytes", "day": "2026-11-03", "amount": 1, "picture": "no!"},
    ]  # fmt: skip
    service.drop("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    (file,) = service.run()
    assert (file.counts.loaded, file.counts.rejected) == (2, 5), file.reason
    found = service.sql(
        "SELECT id, tags, sizes, days, prices, picture FROM DATA.sales"
        " WHERE day > '2000-01-01' ORDER BY id"
    )
    assert found == [
        ("a", ["x", "", 'é, "q"'], [3, -1], [date(2026, 2, 28)],
         [Decimal("19.90"), Decimal(1)], b"\x00\xffa"),
        ("b", [], [], [], [], None),
    ]  # fmt: skip
