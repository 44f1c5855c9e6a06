"""The whole proof: `make chaos ARGS="--seed 7 --rounds 20 --ledger both"`."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import events_wing, rounds
from chaos.time_run import play_many
from chaos.world import ROOT, world
from connectors.failpoints import POINTS

_PAGE = ROOT / "docs" / "exactly-once.md"


def main() -> int:
    """Play all rounds; the exit status is 1 if any of them left a fault."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=10, help="random rounds after the named ones")
    parser.add_argument("--ledger", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--only", default="", help="only rounds whose name holds this")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    parser.add_argument(
        "--wing", choices=["time", "events"], help="histories in process instead of rounds"
    )
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(f"seed {given.seed}")
    if given.wing == "time":
        ledgers = ("sqlite", "postgres") if given.ledger == "both" else (given.ledger,)
        return any(play_many(each, given.seed, given.rounds, console) for each in ledgers)
    if given.wing == "events":
        return events_wing.play_many(given.seed, given.rounds, console)
    found: dict[str, list[rounds.Outcome]] = {}
    for ledger in ("sqlite", "postgres") if given.ledger == "both" else (given.ledger,):
        found[ledger] = _played(ledger, given, console)
    if given.write:
        _write(found)
    return any(each.faults for outcomes in found.values() for each in outcomes)


def _played(ledger: str, given: argparse.Namespace, console: Console) -> list[rounds.Outcome]:
    outcomes = []
    book = rounds.new_book(given.seed)
    with tempfile.TemporaryDirectory(prefix="waybill-chaos-") as name:
        Path(name).chmod(0o755)
        with world(Path(name), ledger) as made:
            for title, breaking in rounds.schedule(made, book, given.rounds):
                if given.only not in title:
                    continue
                outcome = rounds.play(title, breaking, made, book)
                outcomes.append(outcome)
                said = "; ".join(outcome.faults) or outcome.note or "all right"
                colour = "red" if outcome.faults else "green"
                console.print(
                    f"[{colour}]{ledger:8} {title:36} {outcome.seconds:5.1f} s  {said}[/]"
                )
    console.print(_table(ledger, outcomes, len(book.deeds)))
    return outcomes


def _table(ledger: str, outcomes: list[rounds.Outcome], files: int) -> Table:
    faults = sum(bool(each.faults) for each in outcomes)
    table = Table(title=f"{ledger}: {len(outcomes)} rounds, {files} files, {faults} with faults")
    for name in ("round", "back after", "faults"):
        table.add_column(name)
    for each in outcomes:
        table.add_row(each.name, f"{each.seconds:.1f} s", str(len(each.faults)) or "none")
    return table


def _write(found: dict[str, list[rounds.Outcome]]) -> None:
    """Put the table of crash points and outcomes between the page's two marks."""
    lines = ["| moment | what is true there | " + " | ".join(found) + " |"]
    lines.append("| --- | --- |" + " --- |" * len(found))
    for index, first in enumerate(next(iter(found.values()))):
        cells = []
        for outcomes in found.values():
            each = outcomes[index] if index < len(outcomes) else None
            if each is None or each.name != first.name:
                cells.append("not played")
            elif each.faults:
                cells.append("**fault**")
            else:
                cells.append(each.note or f"all right, {each.seconds:.0f} s")
        what = POINTS.get(first.name.partition(" ")[0], "")
        lines.append(f"| {first.name} | {what} | {' | '.join(cells)} |")
    text = _PAGE.read_text(encoding="utf-8")
    marked = re.sub(
        r"(<!-- chaos -->\n).*?(<!-- /chaos -->)",
        lambda match: match[1] + "\n".join(lines) + "\n" + match[2],
        text,
        flags=re.DOTALL,
    )
    _PAGE.write_text(marked, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
