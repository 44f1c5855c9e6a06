"""The strict front's rules, each catching its fault. Google's analyzer runs in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strict_bigquery import zeta
from strict_bigquery.catalog import Catalog, Table
from strict_bigquery.clock import Clock
from strict_bigquery.jobs import Job, Jobs
from strict_bigquery.late import begun
from strict_bigquery.loads import check_parquet, check_schema
from strict_bigquery.query import LEAST_BYTES, MOST_CHARACTERS, QueryRules, Verdict
from strict_bigquery.quotas import Quotas
from strict_bigquery.refusal import Refusal
from strict_bigquery.tables import check_dataset, check_table

LOG: dict[str, Any] = {
    "schema": {
        "fields": [
            {"name": "batch_id", "type": "STRING"},
            {"name": "at", "type": "TIMESTAMP"},
            {"name": "rows", "type": "INTEGER"},
        ]
    },
    "timePartitioning": {"type": "DAY", "field": "at"},
    "requirePartitionFilter": True,
}
STAGED: dict[str, Any] = {
    "schema": {"fields": [{"name": "t", "type": "STRING"}, {"name": "_now", "type": "DATE"}]}
}
TABLES = {"log": LOG, "staged": STAGED}


def look(sql: str, *parameters: str, size: int = 100) -> Verdict:
    rules = QueryRules(Catalog(lambda path: TABLES.get(path.rpartition("/")[2])))
    typed = [{"name": each, "parameterType": {"type": "STRING"}} for each in parameters]
    return rules.look({"query": sql, "queryParameters": typed}, "demo", size)


def refused(what: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Refusal) as said:
        what()
    return said.value.reason, said.value.message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        # T1: names of one part and of three, reserved words, types, variables, parameters.
        ("SELECT MAX(at) AS at FROM `demo.d.log`", "Syntax error"),
        ("SELECT rows FROM d.staged", "Syntax error"),
        ("SELECT t + 1 FROM `demo.d.staged`", "No matching signature"),
        ("SELECT nothing FROM demo.d.staged", "Unrecognized name"),
        ("SELECT 1 FROM `demo.d.nothing`", "Not found: Table demo:d.nothing"),
        ("SELECT @gone", "Query parameter 'gone' not found"),
        ("DECLARE x BOOL; SET x = (SELECT t FROM `demo.d.staged`);", None),
        ("IF (SELECT y FROM `demo.d.staged`) THEN SELECT 1; END IF;", "Unrecognized name: y"),
        ("INSERT INTO `demo.d.log` (batch_id) SELECT 1", "cannot be inserted into column batch_id"),
        ("DECLARE _now BOOL; SELECT _now FROM `demo.d.staged`", "hides the script's variable"),
        # T2
        ("SELECT a.t, b.t FROM `demo.d.staged` AS a, `demo.d.staged` AS b", "duplicate(s): t"),
        ("CREATE VIEW `demo.d.v` AS SELECT t, t FROM `demo.d.staged`", "duplicate name t"),
        # T3
        ("SELECT batch_id FROM `demo.d.log`", "without a filter over column(s) 'at'"),
        ("DELETE FROM `demo.d.log` AS l WHERE l.batch_id = 'x'", "without a filter"),
        ("DELETE FROM `demo.d.log` AS l WHERE FALSE AND l.`at` IS NULL", "without a filter"),
        ("DELETE FROM `demo.d.log` AS l WHERE l.`at` IS NULL OR l.batch_id = ''", "without"),
        # T5
        ("BEGIN TRANSACTION; DROP TABLE `demo.d.staged`; COMMIT TRANSACTION;", "not supported"),
    ],
)  # fmt: skip
def test_a_statement_the_service_refuses_is_refused(sql: str, message: str | None) -> None:
    if message is None:
        look(sql)
    else:
        assert message in refused(lambda: look(sql))[1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT MAX(`at`) AS `at` FROM `demo.d.log` WHERE `at` > TIMESTAMP '2026-01-01'",
        "SELECT s.t FROM `demo.d.log` AS l JOIN d.staged AS s ON s.t = l.batch_id"
        " WHERE (l.`at` >= TIMESTAMP '2026-01-01' AND l.`at` < TIMESTAMP '2026-01-02')"
        " OR l.`at` IS NULL",
        "INSERT INTO `demo.d.log` (batch_id, `at`) SELECT t, CURRENT_TIMESTAMP() FROM d.staged",
        "TRUNCATE TABLE `demo.d.staged`",
    ],
)
def test_a_statement_the_service_takes_is_taken(sql: str) -> None:
    look(sql)


def test_sizes() -> None:
    assert refused(lambda: look(f"SELECT '{'x' * MOST_CHARACTERS}'"))[0] == "invalid"
    assert "payload size" in refused(lambda: look("SELECT 1", size=10_000_001))[1]
    many = [f"p{number}" for number in range(10_001)]
    assert "Too many query parameters" in refused(lambda: look("SELECT 1", *many))[1]


def test_a_verdict_tells_the_bytes_and_the_tables_written() -> None:
    sql = (
        "BEGIN TRANSACTION;"
        "INSERT INTO `demo.d.log` (batch_id) SELECT t FROM `demo.d.staged`;"
        "INSERT INTO `demo.d.log` (batch_id, `rows`) SELECT '', COUNT(*) FROM `demo.d.staged`;"
        "TRUNCATE TABLE `demo.d.staged`;"
        "COMMIT TRANSACTION;"
    )
    for _ in range(2):  # The second verdict is remembered.
        verdict = look(sql)
        # Counting rows reads no column, and what is inserted into is not read.
        assert verdict.bytes_billed == LEAST_BYTES
        assert verdict.written == ("demo:d.log", "demo:d.log", "demo:d.staged")
        assert verdict.mutated == ("demo:d.staged",)


def test_the_same_text_over_another_table_is_another_verdict() -> None:
    sql = "SELECT t FROM `demo.d.staged`"
    look(sql)
    TABLES["staged"], before = LOG, TABLES["staged"]
    try:
        assert "Unrecognized name" in refused(lambda: look(sql))[1]
    finally:
        TABLES["staged"] = before


def test_the_evaluator_tells_what_casts_and_json_do() -> None:
    assert zeta.evaluate("PARSE_JSON(@x, wide_number_mode => 'round')", x="52.520006599999998")
    assert not zeta.evaluate("PARSE_JSON(@x)", x="52.520006599999998")
    assert not zeta.evaluate("PARSE_JSON(@x, wide_number_mode => 'round')", x="1e400")
    assert not zeta.evaluate("CAST(@x AS DATE)", x="2026-02-30")


def test_quotas_by_the_clock() -> None:
    clock = Clock()
    quotas = Quotas(clock)
    for _ in range(25):
        quotas.charge_dml(["demo:d.log"])
    reason, message = refused(lambda: quotas.charge_dml(["demo:d.log"]))
    assert (reason, "too many DML" in message) == ("rateLimitExceeded", True)
    quotas.charge_dml(["demo:d.other"])
    clock.ahead += 10
    quotas.charge_dml(["demo:d.log"])
    for _ in range(5):
        quotas.charge_metadata("demo:d.log")
    assert "table update operations" in refused(lambda: quotas.charge_metadata("demo:d.log"))[1]
    for number in range(1000):
        quotas.charge_load(f"demo:d.t{number}", 1)
    reason, message = refused(lambda: quotas.charge_load("demo:d.t", 1))
    assert (reason, "imports per project" in message) == ("quotaExceeded", True)
    clock.ahead += 60
    for _ in range(69):  # 100,000 a day, evenly
        quotas.charge_load("demo:d.t", 0)
    refused(lambda: quotas.charge_load("demo:d.t", 0))
    refused(lambda: quotas.charge_load("demo:d.t", 51))
    assert refused(lambda: quotas.check_outstanding("x", 21))[0] == "resourcesExceeded"
    for _ in range(10):
        quotas.charge_table_insert("demo")
    refused(lambda: quotas.charge_table_insert("demo"))


def fields(*each: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema": {"fields": list(each)}, **more}


@pytest.mark.parametrize(
    "table",
    [
        fields({"name": "_CHANGE_TYPE", "type": "STRING"}),
        fields({"name": "_partition_day", "type": "STRING"}),
        fields({"name": "a b", "type": "STRING"}),
        fields({"name": "a", "type": "STRING"}, {"name": "A", "type": "STRING"}),
        fields({"name": "a", "type": "STRING", "description": "x" * 1025}),
        fields({"name": "a", "type": "NUMERIC", "precision": "40", "scale": "9"}),
        fields(labels={f"k{number}": "v" for number in range(65)}),
        fields(labels={"Upper": "v"}),
        fields(
            {"name": "a", "type": "FLOAT64"},
            tableConstraints={"primaryKey": {"columns": ["a"]}},
        ),
        fields(
            *({"name": f"c{number}", "type": "STRING"} for number in range(17)),
            tableConstraints={"primaryKey": {"columns": [f"c{n}" for n in range(17)]}},
        ),
        fields({"name": "a", "type": "FLOAT64"}, clustering={"fields": ["a"]}),
    ],
)
def test_a_table_the_service_refuses_is_refused(table: dict[str, Any]) -> None:
    refused(lambda: check_table(table))


def test_datasets_and_changes_of_tables() -> None:
    refused(lambda: check_dataset({"defaultTableExpirationMs": "1800000"}))
    refused(lambda: check_dataset({"maxTimeTravelHours": "24"}))
    check_dataset({"maxTimeTravelHours": "48", "labels": {"team": "größe_1"}})
    before = fields({"name": "a", "type": "STRING"})
    required = {"name": "b", "type": "STRING", "mode": "REQUIRED"}
    refused(lambda: check_table(fields({"name": "a", "type": "STRING"}, required), before))
    refused(lambda: check_table(fields({"name": "b", "type": "STRING"}), before))


def test_a_parquet_file_fits_its_fields_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": [1], "s": ["x"], "l": [["a"]]}), path)
    check_parquet(path, [{"name": "n", "type": "INT64"}, {"name": "l", "type": "STRING",
                                                          "mode": "REPEATED"}])  # fmt: skip
    for field in (
        {"name": "n", "type": "STRING"},
        {"name": "s", "type": "JSON"},
        {"name": "s", "type": "INT64"},
        {"name": "l", "type": "STRING"},
    ):
        reason, message = refused(partial(check_parquet, path, [field]))
        assert reason == "invalid"
        assert "does not match the target" in message
    refused(lambda: check_parquet(path, [{"name": "z", "type": "DATE", "mode": "REQUIRED"}]))
    path.write_bytes(b"no")
    refused(lambda: check_parquet(path, []))


def test_a_load_schema_is_the_tables_or_refused() -> None:
    table = Table("demo", "d", "log", LOG)
    check_schema({"fields": [{"name": "rows", "type": "INT64"}]}, table)
    assert "changed type" in refused(
        lambda: check_schema({"fields": [{"name": "rows", "type": "STRING"}]}, table)
    )[1]  # fmt: skip
    refused(lambda: check_schema({"fields": [{"name": "new", "type": "STRING"}]}, table))


def test_two_transactions_that_change_one_table_do_not_run_side_by_side() -> None:
    jobs, done = Jobs(), set[str]()
    jobs.add(Job("one", "", {}, mutated=("demo:d.t",)), done.__contains__)
    jobs.add(Job("other table", "", {}, mutated=("demo:d.u",)), done.__contains__)
    jobs.add(Job("only appends", "", {}), done.__contains__)
    second = Job("two", "", {}, mutated=("demo:d.t",))
    message = refused(lambda: jobs.add(second, done.__contains__))[1]
    assert "Transaction is aborted due to concurrent update against table demo:d.t" in message
    done.add("one")
    jobs.add(second, done.__contains__)


def test_a_job_is_its_creators_alone() -> None:
    jobs = Jobs()
    jobs.add(Job("one", "ana", {}), lambda _: True)
    assert jobs.find("one", "ana") is not None
    assert refused(lambda: jobs.find("one", "eve"))[0] == "accessDenied"


def test_a_late_script_knows_what_it_asked_when_it_was_begun() -> None:
    sql = (
        "DECLARE done BOOL DEFAULT (SELECT COUNT(*) > 0 FROM d.log); DECLARE n INT64;\n"
        "BEGIN TRANSACTION; SET n = (SELECT 7); COMMIT TRANSACTION;"
    )
    answers = {"SELECT ((SELECT COUNT(*) > 0 FROM d.log)) AS value": ("BOOLEAN", "false"),
               "SELECT ((SELECT 7)) AS value": ("INTEGER", "7")}  # fmt: skip
    assert begun(sql, answers.get) == (
        "DECLARE done BOOL DEFAULT FALSE; DECLARE n INT64;\n"
        "BEGIN TRANSACTION; SET n = 7; COMMIT TRANSACTION;"
    )
