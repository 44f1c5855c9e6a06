"""Plays many histories: `make chaos ARGS="--wing time --seed 1 --rounds 500"`."""

from __future__ import annotations

import logging
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bigquery_emulator import no_dataset_left
from chaos.time_wing import play
from entrypoints.demo import servers
from entrypoints.demo.postgres import postgres

type _Place = Callable[[], AbstractContextManager[str | None]]

_A_SERVER = 25
"""An emulator gets slower with what it has held."""


def play_many(ledger: str, seed: int, rounds: int, console: Console) -> int:
    """Play so many histories from a seed on; how many left a fault."""
    logging.disable(logging.CRITICAL)
    faults, seconds, said = 0, list[float](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="waybill-time-") as name:
        Path(name).chmod(0o755)
        with _ledgers(ledger, Path(name)) as database:
            for first in range(seed, seed + rounds, _A_SERVER):
                folder = Path(name) / f"bigquery-{first}"
                with servers.bigquery(folder) as url:
                    for each in range(first, min(first + _A_SERVER, seed + rounds)):
                        began = time.monotonic()
                        try:
                            with no_dataset_left(url), database() as place:
                                said.update(play(url, each, place))
                        except Exception as error:
                            faults += 1
                            notes = "; ".join(getattr(error, "__notes__", []))
                            what = escape(f"{type(error).__name__}: {error}")
                            console.print(f"[red]{each}: {what} {notes}[/]", markup=True)
                        seconds.append(time.monotonic() - began)
    steps = ", ".join(f"{count:,} × {name}" for name, count in said.most_common())
    median = sorted(seconds)[len(seconds) // 2]
    console.print(
        f"{ledger}: {rounds} histories from seed {seed}, {faults} with faults;"
        f" {median:.1f} s each (median), {max(seconds):.1f} s at most\n{steps}"
    )
    return faults


@contextmanager
def _ledgers(ledger: str, folder: Path) -> Iterator[_Place]:
    """Makes a ledger for each history: a new database of a server, or None for a file."""
    if ledger == "sqlite":

        @contextmanager
        def none() -> Iterator[None]:
            yield None

        yield none
        return
    with postgres(folder / "postgres") as server:

        @contextmanager
        def new() -> Iterator[str]:
            url, name = make_url(server), f"t{uuid.uuid4().hex[:10]}"
            admin = create_engine(url, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            yield url.set(database=name).render_as_string(hide_password=False)
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            admin.dispose()

        yield new
