"""Verify and explain, over a real warehouse and through the command line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.bigquery.meta import FILES
from entrypoints.cli import cli, exit_status
from pipelines.operations.explain import contract_named, explain
from pipelines.operations.verify import verify
from schemas.errors import ConfigError, DataError
from small_service import SmallService, csv, small_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, bigquery_url: str) -> SmallService:
    made = small_service(tmp_path_factory.mktemp("audit"), bigquery_url)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.csv", csv("z1", "z2"))
        archive.writestr("two.csv", csv("z3", "z4"))
    made.drop("1 first.csv", csv("a", "b", "c"))
    made.run()
    made.drop("2'); DROP TABLE files; --`.csv", csv("b", "c", "d"))
    made.drop("3 partly.csv", csv("e", "f") + "g,2026-02-30,1\n")
    made.drop("4 archive.zip", packed.getvalue())
    made.drop("5 nothing.csv", "what,is,this\n1,2,3\n")
    made.run()
    return made


def figures(service: SmallService) -> set[tuple[str, Any, Any]]:
    return {(each.figure, each.expected, each.found) for each in verify(service.runtime, "sales")}


def test_every_row_is_accounted_for(service: SmallService) -> None:
    files = service.runtime.ledger.files.latest()
    assert {str(file.outcome) for file in files} == {"accepted", "partly", "quarantined"}
    seen: list[str] = []
    assert list(verify(service.runtime, "sales", lambda file: seen.append(file.file_id))) == []
    assert sorted(seen) == sorted(file.file_id for file in files)
    done = CliRunner().invoke(cli, ["--config", str(service.config), "verify"])
    assert done.exit_code == 0, done.output
    assert "5 files checked: every row is accounted for" in done.output


_DROPPED = ("rows_dropped in etl_meta.files", 0, 7)
_UNRECORDED = ("loads recorded in etl_meta.files", 1, 0)
_KEPT = "CREATE OR REPLACE TABLE META.kept AS SELECT * FROM META.commits;"
_RESTORED = "TRUNCATE TABLE META.commits; INSERT INTO META.commits SELECT * FROM META.kept;"
_CHANGED = ", ".join(
    f"{ {'rows_loaded': '0', 'rows_dropped': '7'}.get(name, f'f.`{name}`') } AS `{name}`"
    for name, *_ in FILES
)
_ONE_MORE = (
    " INSERT INTO META.commits (batch_id, feed, `table`, kind, attempt, `rows`, committed_at,"
    " files) SELECT 'one more', 'sales', c.`table`, 'load', 1, 0, CURRENT_TIMESTAMP(),"
    f" [STRUCT({_CHANGED})]"
    " FROM META.commits AS c CROSS JOIN UNNEST(c.files) AS f WHERE f.name = '1 first.csv';"
)
_FORGOTTEN = (
    " DELETE FROM META.commits WHERE batch_id IN"
    " (SELECT batch_id FROM META.files WHERE name = '5 nothing.csv');"
)


@pytest.mark.parametrize(
    ("harm", "mend", "figure"),
    [
        (
            "INSERT INTO DATA.sales (id, day, `_etl_file`, `_etl_row`, `_etl_batch`,"
            " `_etl_loaded_at`) SELECT 'twice', DATE '2026-11-03', `_etl_file`, 9, `_etl_batch`,"
            " `_etl_loaded_at` FROM DATA.sales WHERE id = 'e' AND day > '2000-01-01'",
            "DELETE FROM DATA.sales WHERE id = 'twice'",
            ("rows in the table", 2, 3),
        ),
        (
            "UPDATE DATA.sales SET `_etl_file` = 'nobody' WHERE id = 'e'",
            "UPDATE DATA.sales SET `_etl_file` = (SELECT file_id FROM META.files"
            " WHERE name = '3 partly.csv') WHERE id = 'e'",
            ("rows in the table", 2, 1),
        ),
        (
            "UPDATE META.rejected_rows SET file_id = 'lost' WHERE file_id IN"
            " (SELECT file_id FROM META.files WHERE name = '3 partly.csv')",
            "UPDATE META.rejected_rows SET file_id = (SELECT file_id FROM META.files"
            " WHERE name = '3 partly.csv') WHERE file_id = 'lost'",
            ("rows in etl_meta.rejected_rows", 1, 0),
        ),
        (_KEPT + _ONE_MORE, _RESTORED, _DROPPED),
        (_KEPT + _FORGOTTEN, _RESTORED, _UNRECORDED),
    ],
    ids=["twice", "stray", "rejects", "books", "unrecorded"],
)
def test_every_difference_is_named(
    service: SmallService, harm: str, mend: str, figure: tuple[str, int, int]
) -> None:
    service.sql(harm)
    try:
        assert figure in figures(service)
        done = CliRunner().invoke(cli, ["--config", str(service.config), "verify", "--json"])
        assert done.exit_code == 1
        named = json.loads(done.stdout)["differences"]
        assert figure in {(each["figure"], each["expected"], each["found"]) for each in named}
    finally:
        service.sql(mend)
    assert figures(service) == set()


def test_a_row_is_explained_to_its_line(service: SmallService) -> None:
    contract = contract_named(service.runtime, "sales")
    [row] = explain(service.runtime, contract, "id = 'c'", 5)
    assert row.file is not None
    assert row.file.item.name.startswith("2'); DROP")
    assert (row.line, row.member, row.raw) == (3, 0, "c,2026-11-03,1")
    assert [(each.rows, each.file_id) for each in row.replaced] == [
        (
            2,
            next(
                f.file_id
                for f in service.runtime.ledger.files.latest()
                if f.item.name == "1 first.csv"
            ),
        )
    ]
    assert [each.step for each in row.events] == ["discover", "prepare", "load", "acknowledge"]
    assert "id is there" in row.checks


def test_a_row_of_an_archive_names_its_member(service: SmallService) -> None:
    contract = contract_named(service.runtime, f"{service.dataset}.sales")
    [row] = explain(service.runtime, contract, "t.id = 'z4' AND amount BETWEEN 1 AND 9", 5)
    assert (row.line, row.member, row.member_name, row.raw) == (3, 2, "two.csv", "z4,2026-11-03,1")


def test_the_command_explains_to_people_and_machines(service: SmallService) -> None:
    command = ["--config", str(service.config), "explain", "sales", "--where", "id = 'a'"]
    said = CliRunner().invoke(cli, command)
    assert said.exit_code == 0, said.output
    assert "1 first.csv" in said.output
    assert "a,2026-11-03,1" in said.output
    assert max(map(len, said.output.splitlines())) <= 80
    [row] = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    assert (row["line"], row["file"]["item"]["name"]) == (2, "1 first.csv")
    none = CliRunner().invoke(cli, [*command[:-1], "id = 'nobody'"])
    assert none.exit_code == 1
    assert "no row" in none.output


@pytest.mark.parametrize(
    "where",
    [
        "1=1) ; DROP TABLE DATA.sales; --",
        "TRUE; DELETE FROM DATA.sales WHERE TRUE",
        "DELETE FROM DATA.sales WHERE TRUE",
        "TRUE) UNION ALL (SELECT 1",
        "id = ",
        "",
        "CALL BQ.ABORT_SESSION()",
    ],
)
def test_a_condition_can_be_nothing_else(service: SmallService, where: str) -> None:
    contract = contract_named(service.runtime, "sales")
    where = where.replace("DATA", service.dataset)
    with pytest.raises(DataError) as caught:
        explain(service.runtime, contract, where, 5)
    assert exit_status(caught.value) == 1
    assert service.sql("SELECT COUNT(*) > 5 FROM DATA.sales WHERE day > '2000-01-01'") == [(True,)]


def test_an_unknown_table_names_those_there_are(service: SmallService, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table") as caught:
        contract_named(service.runtime, "nope")
    assert "sales" in str(caught.value.hint)


def test_a_raw_file_that_is_gone_is_said(service: SmallService) -> None:
    contract = contract_named(service.runtime, "sales")
    [row] = explain(service.runtime, contract, "id = 'e'", 5)
    assert row.file is not None
    assert row.file.landing_key is not None
    path = service.folder / "storage" / row.file.landing_key
    kept = path.read_bytes()
    path.unlink()
    try:
        [again] = explain(service.runtime, contract, "id = 'e'", 5)
    finally:
        path.write_bytes(kept)
    assert again.raw is None
    assert again.raw_missing == "the raw file is not in storage any more"
