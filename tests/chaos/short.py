"""The proof in short: some rounds of all that `make chaos` plays."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from chaos import rounds
from chaos.world import world


def play_some(ledger: str, names: list[str]) -> None:
    """Play the rounds of those names; raises AssertionError if one leaves a fault or a note."""
    # A folder that the database's own user can reach, unlike pytest's.
    with TemporaryDirectory(prefix="waybill-chaos-") as name:
        Path(name).chmod(0o755)
        book = rounds.new_book(seed=11)
        with world(Path(name), ledger) as made:
            schedule = dict(rounds.schedule(made, book, 0))
            played = [rounds.play(each, schedule[each], made, book) for each in names]
    # Said in full here: pytest rewrites the asserts of test modules only.
    wrong = [
        f"{each.name}: {told}"
        for each in played
        for told in (*each.faults, *([each.note] if each.note else []))
    ]
    if wrong:
        raise AssertionError("\n".join(wrong))
