"""What the ledger promises of contract revisions, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from connectors.ledger import LedgerConfig, SqlLedger
from schemas.act import Actor
from schemas.contract_revision import ContractRevision
from schemas.errors import ConflictError

ANA = Actor(who="ana", via="cli", origin="10.0.0.7", request_id="r1")


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)))
    yield made
    made.close()


def add(ledger: SqlLedger, name: str, text: str | None, base: int) -> ContractRevision:
    return ledger.contracts.add(name, text, base=base, actor=ANA, reason="why\x00")


def twice(ledger: SqlLedger) -> None:
    """Both from one revision, in one transaction."""
    with ledger.acts.together():
        add(ledger, "stock", "half", 1)
        add(ledger, "stock", "lost", 1)


def test_revisions_follow_one_another_and_the_newest_is_in_force(ledger: SqlLedger) -> None:
    assert ledger.contracts.mark() is None  # before there is a database, or its tables
    ledger.migrate()
    assert (ledger.contracts.mark(), ledger.contracts.in_force()) == (None, {})
    first = add(ledger, "orders", "a: ü\r\n", 0)
    marks = {ledger.contracts.mark()}
    other = add(ledger, "stock", "b", 0)
    marks.add(ledger.contracts.mark())
    second = add(ledger, "orders", "a: 2\n", 1)
    marks.add(ledger.contracts.mark())
    assert len(marks) == 3
    assert (first.number, second.number, first.actor, first.reason) == (1, 2, ANA, "why\x00")
    assert ledger.contracts.of("orders") == [second, first]
    assert ledger.contracts.in_force() == {"orders": second, "stock": other}
    for base in (0, 1, 3):
        with pytest.raises(ConflictError, match="has the revision 2"):
            add(ledger, "orders", "c", base)
    gone = add(ledger, "orders", None, 2)
    assert gone.sha256 is None
    assert ledger.contracts.in_force()["orders"] == gone
    with pytest.raises(ConflictError):
        twice(ledger)
    assert ledger.contracts.of("stock") == [other]


def test_of_two_that_push_at_once_one_loses(ledger: SqlLedger) -> None:
    ledger.migrate()
    together, said = threading.Barrier(4), []

    def push(name: str, text: str) -> None:
        together.wait()
        try:
            said.append(add(ledger, name, text, 0).number)
        except ConflictError:
            said.append(0)

    pushes = [("orders", "a"), ("orders", "b"), ("orders", "c"), ("stock", "d")]
    threads = [threading.Thread(target=push, args=each) for each in pushes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [0, 0, 1, 1]
    assert {name: each.number for name, each in ledger.contracts.in_force().items()} == {
        "orders": 1, "stock": 1,
    }  # fmt: skip
