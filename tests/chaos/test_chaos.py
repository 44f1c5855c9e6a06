"""The proof in short: some rounds on each ledger. `make chaos` plays them all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chaos import rounds
from chaos.world import world

ROUNDS = {
    "sqlite": [
        "prepare.staged (worker)",
        "load.committing (child)",
        "acknowledge.mailed (child)",
        "kill -9 redis, its data lost",
        "every task twice, out of order",
    ],
    "postgres": ["load.committed (worker)", "kill -9 bigquery", "kill -9 postgres"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ledger", ROUNDS)
def test_nothing_is_lost_and_nothing_comes_twice(ledger: str) -> None:
    # A folder that the database's own user can reach, unlike pytest's.
    with TemporaryDirectory(prefix="waybill-chaos-") as name:
        Path(name).chmod(0o755)
        book = rounds.new_book(seed=11)
        with world(Path(name), ledger) as made:
            schedule = dict(rounds.schedule(made, book, 0))
            played = [rounds.play(each, schedule[each], made, book) for each in ROUNDS[ledger]]
    assert {each.name: each.faults for each in played if each.faults} == {}
    assert {each.name: each.note for each in played if each.note} == {}
