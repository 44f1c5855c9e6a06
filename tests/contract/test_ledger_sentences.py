"""Sentences in the ledger: kept in English with what they are made of, said in any language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import inspect, text

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.ledger.schema import _config
from schemas.alert import AlertKind, Trouble
from schemas.file import Event, File, Outcome, Status
from schemas.item import Item, Page
from schemas.language import joined, params_of, render, translate

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
REASON = joined("; ", [translate("the file is empty"), translate("{count:,} rows", count=12345)])

WHOM_TO_ASK = "fragen Sie die Person, die diesen Datenstrom betreut"


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)), lambda: START)
    made.migrate()
    yield made
    made.database.engine.dispose()


def quarantined(ledger: SqlLedger, key: str, reason: str | None) -> File:
    item = Item(key=key, version="1", name=key, sent_at=START)
    (file_id,) = ledger.files.register("orders", "drop", Page(items=(item,)))
    file = ledger.leases.claim(file_id, Status.DISCOVERED, "worker", 60)
    assert file is not None
    made = replace(
        file,
        status=Status.PREPARED,
        outcome=Outcome.QUARANTINED,
        contract_version="1",
        size=1,
        reason=reason,
    )
    return ledger.leases.advance(
        made, Event(file_id=file_id, at=START, step="prepare", outcome="quarantined")
    )


def test_a_reason_is_said_in_other_languages_later(ledger: SqlLedger) -> None:
    kept = ledger.files.get(quarantined(ledger, "a.csv", REASON).file_id).reason or ""
    assert kept == "the file is empty; 12,345 rows"
    assert render(kept, "de") == "die Datei ist leer; 12.345 Zeilen"
    assert ledger.files.get(quarantined(ledger, "b.csv", "words").file_id).reason == "words"
    assert ledger.files.get(quarantined(ledger, "c.csv", None).file_id).reason is None


@pytest.mark.parametrize("refusal", [translate("it is too large"), "BigQuery refuses it"])
def test_a_refused_batch_has_its_own_reason(ledger: SqlLedger, refusal: str) -> None:
    file = quarantined(ledger, "a.csv", REASON)
    batch = ledger.batches.open("orders", "demo.shop.orders", 10, 1 << 40)
    assert batch is not None
    ledger.batches.abandon(batch, [], refusal)
    found = ledger.files.get(file.file_id).reason or ""
    assert (found, params_of(found)) == (refusal, params_of(refusal))


def test_an_alert_keeps_what_its_sentences_are_made_of(ledger: SqlLedger) -> None:
    late = Trouble(
        kind=AlertKind.LATE,
        subject="orders",
        says=translate("the column {column} is missing", column="a"),
        todo=translate("ask who looks after the feed"),
    )
    ledger.alerts.note([late], ())
    (found,) = ledger.alerts.latest()
    assert found.trouble == late
    assert render(found.trouble.says, "de") == "die Spalte a fehlt"
    assert (
        render(found.trouble.todo, "de") == "fragen Sie die Person, die diesen Datenstrom betreut"
    )
    other = replace(
        late, says=translate("the column {column} is missing", column="b"), todo="mend it"
    )
    ledger.alerts.note([other], ())
    (found,) = ledger.alerts.latest()
    assert render(found.trouble.says, "de") == "die Spalte b fehlt"
    assert (
        render(found.trouble.todo, "de") == "fragen Sie die Person, die diesen Datenstrom betreut"
    )


def test_what_was_kept_before_stays_as_it_was(ledger: SqlLedger) -> None:
    old = quarantined(ledger, "a.csv", REASON)
    late = Trouble(kind=AlertKind.LATE, subject="orders", says=REASON, todo="ask")
    ledger.alerts.note([late], ())
    ledger.alerts.mark_delivered("chat", ledger.alerts.latest())
    with ledger.database.write() as connection:
        command.downgrade(_config(connection), "0012-1")
    with ledger.database.read() as connection:
        names = {column["name"] for column in inspect(connection).get_columns("alerts")}
        assert {"says", "todo"} <= names
        assert inspect(connection).has_table("tellings")
    with ledger.database.write() as connection:
        insert = (
            "INSERT INTO alerts (alert_id, kind, subject, says, todo, opened_at)"
            " SELECT 'old', kind, 'old', 'es ist spät', 'ask', opened_at FROM alerts"
        )
        connection.execute(text(insert))
    ledger.migrate()
    ledger.migrate()
    file = ledger.files.get(old.file_id)
    assert file.reason == REASON
    assert params_of(file.reason) is None
    assert render(file.reason or "", "de") == REASON
    assert {each.trouble.says for each in ledger.alerts.latest()} == {REASON, "es ist spät"}
    news = ledger.alerts.undelivered("chat", 9)
    assert [each.alert_id for each in news] == ["old"], "told of the other"
