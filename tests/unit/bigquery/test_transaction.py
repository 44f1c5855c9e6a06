"""The SQL and the verdicts of the BigQuery connector that need no server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.bigquery import BigQueryConfig, names
from connectors.bigquery.errors import meaning
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.records import tables_of
from connectors.bigquery.rehearsal import todo_of
from connectors.bigquery.removals import Pruned
from connectors.bigquery.staging import Staged
from connectors.bigquery.transaction import script
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, Granularity, RangePartition, TimePartition, Type
from schemas.errors import (
    AccessDeniedError,
    AttemptSpentError,
    ConfigError,
    ContractError,
    DataError,
    FatalError,
    RetryableError,
    TableDiffersError,
    ThrottledError,
)
from schemas.odcs.reader import read_contract


def table(partition: TimePartition | RangePartition, kind: Type) -> Partitioning:
    contract = Contract(
        name="t",
        version="1",
        table="t",
        columns=(Column(name="at", type=kind),),
        partition=partition,
    )
    return Partitioning(contract, "t")


BY_DAY = table(TimePartition(column="at"), Type.DATE)
BY_HOUR = table(TimePartition(column="at", granularity=Granularity.HOUR), Type.TIMESTAMP)
BY_MONTH = table(TimePartition(column="at", granularity=Granularity.MONTH), Type.DATETIME)
BY_YEAR = table(TimePartition(column="at", granularity=Granularity.YEAR), Type.DATE)
BY_RANGE = table(RangePartition(column="at", start=-5, end=100, interval=10), Type.INT64)


@pytest.mark.parametrize(
    ("by", "partitions", "condition"),
    [
        (BY_DAY, [], None),
        (BY_DAY, ["null"], "t.`at` IS NULL"),
        (
            BY_DAY,
            ["2026-11-04", "2026-11-03", "2026-11-06"],
            "((t.`at` >= DATE '2026-11-03' AND t.`at` < DATE '2026-11-05')"
            " OR (t.`at` >= DATE '2026-11-06' AND t.`at` < DATE '2026-11-07'))",
        ),
        (
            BY_HOUR,
            ["2026-12-31T23:00:00"],
            "(t.`at` >= TIMESTAMP '2026-12-31 23:00:00+00:00'"
            " AND t.`at` < TIMESTAMP '2027-01-01 00:00:00+00:00')",
        ),
        (
            BY_MONTH,
            ["2026-12-01"],
            "(t.`at` >= DATETIME '2026-12-01 00:00:00'"
            " AND t.`at` < DATETIME '2027-01-01 00:00:00')",
        ),
        (BY_YEAR, ["9999-01-01"], "t.`at` >= DATE '9999-01-01'"),
        (BY_YEAR, ["1-01-01"], "(t.`at` >= DATE '0001-01-01' AND t.`at` < DATE '0002-01-01')"),
        (BY_RANGE, ["-5", "5", "15"], "(t.`at` >= -5 AND t.`at` < 25)"),
    ],
)
def test_partitions_become_ranges_of_constants(
    by: Partitioning, partitions: list[str], condition: str | None
) -> None:
    assert by.within(partitions) == condition


@pytest.mark.parametrize("by", [BY_DAY, BY_HOUR, BY_RANGE])
def test_a_partition_is_parsed_before_it_is_named_in_sql(by: Partitioning) -> None:
    for hostile in ("2026-11-03' OR TRUE --", "1 OR TRUE", "", "nan"):
        with pytest.raises(FatalError):
            by.within([hostile])


def test_a_name_that_would_break_out_of_its_quotes_is_refused() -> None:
    assert names.table("my-project", "data", "orders") == "`my-project.data.orders`"
    for hostile in ("a`; DROP TABLE x", "a b", "", "a\n"):
        with pytest.raises(ContractError):
            names.table("p", "d", hostile)
        with pytest.raises(ContractError):
            names.column(hostile)


def test_the_transaction_names_no_partition_it_need_not_read() -> None:
    contract = Contract(
        name="t",
        version="1",
        table="t",
        columns=(Column(name="id", type=Type.STRING), Column(name="at", type=Type.DATE)),
        primary_key=("id",),
        partition=TimePartition(column="at"),
    )
    staged = Staged(table="p.s.t_1", rows=1, rejects=None, rejected=0)
    tables = tables_of("p.d.t", "p", "etl_meta")
    pruned = Pruned(replaced=BY_DAY.within(["2026-11-03"]))
    merge = script(contract, WriteMode.MERGE, staged, tables, pruned)
    delete = merge.split("DELETE FROM", 1)[1].split(";", 1)[0]
    assert "t.`at` >= DATE '2026-11-03' AND t.`at` < DATE '2026-11-04'" in delete
    assert merge.count("DELETE FROM") == 1
    # Nothing there to replace: the target is not read at all.
    fresh = script(contract, WriteMode.MERGE, staged, tables, replace(pruned, replaced=None))
    assert "DELETE FROM" not in fresh
    assert "DELETE FROM" not in script(contract, WriteMode.APPEND, staged, tables, pruned)


def test_rows_are_taken_from_the_adopted_table_and_both_are_emptied() -> None:
    contract = Contract(
        name="t", version="1", table="t", columns=(Column(name="id", type=Type.STRING),)
    )
    staged = Staged(table="p.s.t_1", rows=1, rejects=None, rejected=0, adopted="p.s.t_f_1_parts")
    tables = tables_of("p.d.t", "p", "etl_meta")
    sql = script(contract, WriteMode.APPEND, staged, tables, Pruned())
    assert sql.count("`p.s.t_1`") == 1
    assert sql.index("COUNT(*) FROM `p.s.t_f_1_parts`") < sql.index("INSERT INTO")
    emptied = [each for each in sql.split(";\n") if each.startswith("TRUNCATE")]
    assert emptied == ["TRUNCATE TABLE `p.s.t_1`", "TRUNCATE TABLE `p.s.t_f_1_parts`"]


@pytest.mark.parametrize(
    ("reason", "message", "code", "kind"),
    [
        ("rateLimitExceeded", "Exceeded rate limits", 403, RetryableError),
        ("jobRateLimitExceeded", "Exceeded rate limits", 400, RetryableError),
        ("quotaExceeded", "Quota exceeded", 403, ThrottledError),
        ("", "slow down", 429, RetryableError),
        ("billingNotEnabled", "Billing has not been enabled", 403, AccessDeniedError),
        ("jobBackendError", "try again", 400, RetryableError),
        ("tableUnavailable", "try again", 400, RetryableError),
        ("timeout", "timed out", 400, RetryableError),
        ("resourceInUse", "being used", 400, RetryableError),
        ("resourcesExceeded", "Resources exceeded", 400, DataError),
        ("responseTooLarge", "Response too large", 403, DataError),
        ("notImplemented", "not implemented", 501, FatalError),
        ("", "bad gateway", 502, RetryableError),
        ("", "timeout", 504, RetryableError),
        ("accessDenied", "Access Denied: Table p:d.t", 403, AccessDeniedError),
        ("", "Unauthorized", 401, AccessDeniedError),
        ("notFound", "Not found: Table p:d.t", 404, TableDiffersError),
        ("backendError", "try again", 503, RetryableError),
        ("stopped", "Job execution was cancelled", None, RetryableError),
        (
            "invalidQuery",
            "Transaction is aborted due to concurrent update against table p:d.t",
            400,
            RetryableError,
        ),
        ("invalidQuery", "Required field id cannot be null", 400, DataError),
        ("invalidQuery", "Unrecognized name: amount at [3:4]", 400, TableDiffersError),
        ("invalidQuery", "waybill: the staging table is not complete", 400, AttemptSpentError),
        ("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed", 400, FatalError),
    ],
)
def test_an_error_says_what_happens_next(
    reason: str, message: str, code: int | None, kind: type[Exception]
) -> None:
    assert type(meaning(reason, message, "load it", code, of_data=True)) is kind


# Reasons and messages as the service gives them together: documents, and public issues.
REAL = [
    ("invalidQuery", "Syntax error: Expected \")\" but got keyword AT at [1:15]", FatalError),
    ("invalidQuery", "Duplicate column names in the result are not supported when a destination"
     " table is present. Found duplicate(s): n", FatalError),
    ("invalidQuery", "Cannot query over table 'p.d.t' without a filter over column(s) 'day' that"
     " can be used for partition elimination", FatalError),
    ("invalidQuery", "Transaction is aborted due to concurrent update against table p:d.t."
     " Transaction ID: x", RetryableError),
    ("invalidQuery", "Could not serialize access to table p:d.t due to concurrent update",
     RetryableError),
    ("invalidQuery", "Required field id cannot be null", DataError),
    ("invalidQuery", "Bad int64 value: x", DataError),
    ("invalidQuery", "Invalid input to PARSE_JSON: number overflow parsing '1e400'", DataError),
    ("invalid", "Error while reading data, error message: Parquet column 'n' has type INT64 which"
     " does not match the target cpp_type STRING.", TableDiffersError),
    ("invalid", "Provided Schema does not match Table p:d.t. Field n has changed type from INTEGER"
     " to STRING", TableDiffersError),
    ("invalid", "Error while reading data, error message: Input file is not in Parquet format.",
     DataError),
    ("invalid", "Cannot read and write in different locations: source: US, destination: EU",
     ConfigError),
    ("notFound", "Not found: Dataset p:d was not found in location EU", ConfigError),
    ("notFound", "Not found: Table p:d.t was not found in location EU", TableDiffersError),
    ("resourcesExceeded", "Resources exceeded during query execution: Too many DML statements"
     " outstanding against table p:d.t, limit is 20.", ThrottledError),
    ("resourcesExceeded", "Resources exceeded during query execution: The query could not be"
     " executed in the allotted memory.", DataError),
    ("rateLimitExceeded", "Exceeded rate limits: too many table update operations for this table.",
     RetryableError),
    ("quotaExceeded", "Quota exceeded: Your project exceeded quota for imports per project.",
     ThrottledError),
    ("quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends per"
     " table.", ThrottledError),
    ("accessDenied", "Access Denied: Project p: User does not have bigquery.jobs.create permission"
     " in project p.", AccessDeniedError),
    ("billingTierLimitExceeded", "Billing has not been enabled for this project. DML queries are"
     " not allowed in the free tier.", FatalError),
    ("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000. 10485760 or higher"
     " required.", FatalError),
    ("backendError", "Error encountered during execution. Retrying may solve the problem.",
     RetryableError),
    ("stopped", "Job execution was cancelled: User requested cancellation", RetryableError),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "message", "kind"), REAL)
def test_a_real_message_says_what_happens_next(
    reason: str, message: str, kind: type[Exception]
) -> None:
    assert type(meaning(reason, message, "load it", of_data=True)) is kind


def test_only_a_job_that_reads_rows_can_blame_them() -> None:
    for reason, message, kind in REAL:
        if kind is DataError:
            assert type(meaning(reason, message, "look it up")) is FatalError


def test_bounds_that_bigquery_has_are_the_configurations() -> None:
    for wrong in ({"staging_hours": 0.5}, {"maximum_bytes_billed": 1024}):
        with pytest.raises(ValidationError):
            BigQueryConfig(project="demo", **wrong)


def test_a_token_never_goes_out_in_clear() -> None:
    with pytest.raises(ValidationError):
        BigQueryConfig(project="demo", api_endpoint="http://warehouse.example.com")
    assert BigQueryConfig(project="demo", api_endpoint="http://127.0.0.1:9050").keyless
    assert not BigQueryConfig(project="demo", api_endpoint="https://127.0.0.1.example.com").keyless


@pytest.mark.parametrize(
    ("message", "role"),
    [
        ("Access Denied: Project p: User does not have bigquery.jobs.create permission", "jobUser"),
        ("Access Denied: Table p:d.t: User does not have bigquery.tables.updateData", "dataEditor"),
        ("Access Denied: Dataset p:d: Permission bigquery.datasets.create denied", "the project"),
    ],
)
def test_the_doctor_names_the_role_that_has_a_missing_permission(message: str, role: str) -> None:
    refused = meaning("accessDenied", message, "take it", 403)
    assert role in (todo_of(refused) or "")


def test_a_contract_keeps_to_what_a_primary_key_and_a_label_may_be(tmp_path: Path) -> None:
    columns = "".join(
        f"      - {{name: k{number}, physicalType: STRING, primaryKey: true}}\n"
        for number in range(17)
    )
    labels = ", ".join(f"k{number}: v" for number in range(65))
    path = tmp_path / "t.odcs.yaml"
    path.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: t\nname: t\nversion: 1.0.0\n"
        "status: active\nschema:\n  - name: t\n    physicalType: table\n"
        f"    customProperties:\n      - {{property: labels, value: {{{labels}}}}}\n"
        "    properties:\n"
        f"{columns}"
        "      - {name: price, physicalType: FLOAT64, primaryKey: true}\n"
        "      - {name: _CHANGE_TYPE, physicalType: STRING}\n"
        f"      - {{name: long, physicalType: STRING, description: '{'x' * 1025}'}}\n"
    )
    with pytest.raises(ContractError) as refused:
        read_contract(path)
    said = f"{refused.value.message} {refused.value.hint}"
    for part in ("65 labels", "18 columns", "price is a FLOAT64", "_CHANGE_TYPE", "1,025"):
        assert part in said
