"""The history that the benchmark fills a ledger with is the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import inspect, select

from bench.ledger_history import START, History, fill, rows_of
from bench.ledger_scale import plans, questions, scans, statements
from connectors.ledger.config import LedgerConfig
from connectors.ledger.ledger import SqlLedger
from connectors.ledger.tables import events


def test_a_history_has_the_rows_it_says_and_the_ledger_stays_as_it_was(url: str) -> None:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    ledger.migrate()
    before = _shape(ledger)
    history = History(files=203, newest=5, senders=7)
    fill(ledger, history)
    assert _shape(ledger) == before
    wanted: dict[Any, list[dict[str, Any]]] = {}
    for number in range(history.files):
        for table, row in rows_of(history, number):
            wanted.setdefault(table, []).append(row)
    with ledger.database.read() as connection:
        for table, rows in wanted.items():
            columns = [table.c[name] for name in rows[0]]
            found = [dict(row) for row in connection.execute(select(*columns)).mappings()]
            assert sorted(found, key=str) == sorted(rows, key=str)
        assert len(wanted[events]) == 20
    ledger.close()


def _shape(ledger: SqlLedger) -> dict[str, object]:
    """Constraints and indexes by table, without regard to their order."""
    there = inspect(ledger.database.engine)
    return {
        name: (
            sorted(str(_plain(dict(each))) for each in there.get_indexes(name)),
            sorted(map(str, there.get_foreign_keys(name))),
            sorted(map(str, there.get_unique_constraints(name))),
            str(there.get_pk_constraint(name)),
        )
        for name in sorted(there.get_table_names())
    }


def _plain(index: dict[str, Any]) -> dict[str, object]:
    options = {name: str(value) for name, value in index.pop("dialect_options", {}).items()}
    return {**index, **options}


def test_no_question_reads_all_of_a_table_that_grows(tmp_path: Path) -> None:
    """On SQLite, whose plans do not depend on how few rows a test has."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db")))
    ledger.migrate()
    history = History(files=500, newest=100, senders=7)
    fill(ledger, history)
    asked = questions(ledger, history)
    assert "who needs a mail's original" in asked
    for name, ask in asked.items():
        with statements(ledger) as seen:
            ask()
        assert seen
        assert not [plan for plan in plans(ledger, seen) if scans(plan)], name
    ledger.close()


def test_what_is_asked_again_and_again_is_found_by_indexes_of_what_is_owed(tmp_path: Path) -> None:
    """A plan that walks through an index in order reads no less than one that reads the table."""
    ledger = SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db")))
    ledger.migrate()
    fill(ledger, History(files=500, newest=100, senders=7))
    asked: dict[str, Callable[[], object]] = {
        "files_owed": ledger.measures.on_the_way,
        "daily_counts_day": lambda: ledger.measures.ended("2026-11-03"),
        "posts_waiting": lambda: ledger.posts.delay("a" * 12, START),
    }
    for index, ask in asked.items():
        with statements(ledger) as seen:
            ask()
        [plan] = plans(ledger, seen)
        assert f"INDEX {index} (" in plan
    ledger.close()
