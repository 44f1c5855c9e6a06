"""What the ledger promises of uploads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from connectors.ledger import LedgerConfig, SqlLedger
from contract.test_ledger import START, Clock
from schemas.upload import Upload, UploadState

ONE = Upload(
    upload_id="a" * 16, name="ü\ud800.csv", who="erp (1)", feed="orders", size=3, key_hash="k"
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)), clock)
    made.migrate()
    yield made
    made.close()


def test_the_same_key_is_the_same_upload_also_at_the_same_time(ledger: SqlLedger) -> None:
    found: list[Upload] = []

    def begin(number: int) -> None:
        found.append(ledger.uploads.begin(replace(ONE, upload_id=f"{number:016}")))

    threads = [threading.Thread(target=begin, args=(each,)) for each in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 6
    assert len({each.upload_id for each in found}) == 1
    assert found[0] == replace(ONE, upload_id=found[0].upload_id, created_at=START)
    assert ledger.uploads.by_key("k") == found[0]
    without = [replace(ONE, upload_id=each * 16, key_hash=None) for each in "bc"]
    assert [ledger.uploads.begin(each).upload_id[0] for each in without] == ["b", "c"]


def test_an_upload_becomes_one_file_or_is_forgotten(ledger: SqlLedger, clock: Clock) -> None:
    begun = ledger.uploads.begin(ONE)
    assert ledger.uploads.stored(begun.upload_id)
    assert not ledger.uploads.stored(begun.upload_id)
    before = START + timedelta(hours=1)
    [waiting] = ledger.uploads.waiting(before, 10)
    assert waiting.state is UploadState.STORED
    assert ledger.uploads.close(begun.upload_id, "orders", "f" * 16)
    assert not ledger.uploads.close(begun.upload_id, "orders", "e" * 16)
    assert not ledger.uploads.forget(waiting), "it has become a file meanwhile"
    assert list(ledger.uploads.waiting(before, 10)) == []
    [closed] = ledger.uploads.registered(before, 10)
    assert (closed.state, closed.file_id) == (UploadState.REGISTERED, "f" * 16)
    assert ledger.uploads.forget(closed)
    assert ledger.uploads.get(begun.upload_id) is None
    assert not ledger.uploads.close(begun.upload_id, "orders", "f" * 16)


def test_who_begins_again_keeps_it_from_being_cleaned_away(ledger: SqlLedger, clock: Clock) -> None:
    old = ledger.uploads.begin(ONE)
    clock.now += timedelta(days=2)
    fresh = ledger.uploads.begin(replace(ONE, upload_id="b" * 16))
    assert fresh == replace(old, created_at=clock.now)
    assert list(ledger.uploads.waiting(START + timedelta(days=1), 10)) == []
    assert not ledger.uploads.forget(old)
