"""Histories of put-backs, corrections and restores, in short; the wing `time` of chaos has more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from chaos.time_wing import play

SHORT = (2, 7)
"""Seeds whose histories append and merge; the one on PostgreSQL replaces partitions. They correct,
unload, run again, clean, and restore ledger and warehouse."""


@pytest.fixture
def ledger_url(postgres_url: str) -> Iterator[str]:
    url = make_url(postgres_url)
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE time_wing"))
    yield url.set(database="time_wing").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE time_wing WITH (FORCE)"))
    admin.dispose()


@pytest.mark.parametrize("seed", SHORT)
def test_the_table_is_the_models_or_it_was_said(bigquery_url: str, seed: int) -> None:
    play(bigquery_url, seed)


def test_the_same_on_postgres(bigquery_url: str, ledger_url: str) -> None:
    play(bigquery_url, 103, ledger_url)
