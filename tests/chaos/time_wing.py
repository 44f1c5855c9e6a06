"""Random histories of drops, put-backs, corrections, unloads, replays, cleanings and restores.

`make chaos ARGS="--wing time"`. After each step the table is what a model in plain Python says, or
the product has refused and said so; a history is played again by its seed.
"""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from chaos.time_model import Delivery, Model, Row
from one_feed import STOCK, World
from pipelines.operations.deep_verify import NotLookedInto, deep
from pipelines.operations.reconcile import reconcile
from pipelines.operations.replay import replay
from pipelines.operations.retention import clean
from pipelines.operations.verify import verify
from schemas.batch import WriteMode
from schemas.errors import FatalError
from schemas.file import AT_REST, File, Outcome
from schemas.limits import Retention

START = datetime(2026, 11, 1, tzinfo=UTC)
KEYS = "abc"
STEPS = (
    ("drop", 8), ("put back", 4), ("move back", 2), ("correct", 5), ("unload", 3), ("replay", 3),
    ("clean", 2), ("back up", 3), ("restore ledger", 3), ("restore warehouse", 2),
    ("lose storage", 1), ("second service", 1),
)  # fmt: skip


@dataclass
class Saved:
    """Copies of the parts as they were once."""

    ledger: Path
    deliveries: int


@dataclass
class History:
    """One history on its way: the world, the model, and what was said."""

    world: World
    model: Model
    random: random.Random
    minutes: int = 0
    numbers: int = 0
    ids: dict[Delivery, str] = field(default_factory=dict)
    names: dict[Delivery, str] = field(default_factory=dict)
    saved: list[Saved] = field(default_factory=list)
    has_snapshot: bool = False
    said: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        """Do one step in both."""
        getattr(self, f"_{name.replace(' ', '_')}")()
        self.compare(name)

    # Steps.

    def _drop(self) -> None:
        key = self.random.choice(KEYS)
        self._put(key, *self._rows())

    def _put_back(self) -> None:
        old = self._some([each for each in self.model.all if each.corrects is None])
        if old is not None:
            self._put(old.key, old.good, old.bad)

    def _move_back(self) -> None:
        """An older copy with its own time is moved over the file."""
        old = self._some([each for each in self.model.all if each.corrects is None])
        if old is None:
            return
        kept = self.world.folder / "kept" / str(old.number)
        if not kept.exists():
            return
        copy = self.world.folder / "moving"
        shutil.copy2(kept, copy)
        newest = self.model.versions(old.key)[-1]
        copy.rename(self.world.drop / f"{old.key}.csv")
        if newest is old:
            self.world.run()
            return
        self._dropped(old.key, old.good, old.bad)

    def _rows(self) -> tuple[dict[int, Row], dict[int, Row]]:
        good: dict[int, Row] = {}
        bad: dict[int, Row] = {}
        for line in range(2, 2 + self.random.randint(2, 4)):
            self.numbers += 1
            row = (self.random.choice("xyz"), self.random.randint(1, 3), self.numbers)
            (bad if self.random.random() < 0.3 and line > 2 else good)[line] = row
        return good, bad

    def _put(self, key: str, good: dict[int, Row], bad: dict[int, Row]) -> None:
        self.minutes += 1
        lines = ["k,day,n"]
        for line in sorted({*good, *bad}):
            k, day, n = good.get(line) or bad[line]
            lines.append(f"{k},2026-11-{day:02},{n if line in good else f'bad{n}'}")
        path = self.world.drop / f"{key}.csv"
        path.write_text("\n".join(lines) + "\n")
        at = (START + timedelta(minutes=self.minutes)).timestamp()
        os.utime(path, (at, at))
        self._dropped(key, good, bad)

    def _dropped(self, key: str, good: dict[int, Row], bad: dict[int, Row]) -> None:
        new = Delivery(key=key, number=len(self.model.all), good=good, bad=bad)
        kept = self.world.folder / "kept"
        kept.mkdir(exist_ok=True)
        shutil.copy2(self.world.drop / f"{key}.csv", kept / str(new.number))
        self._load()
        file = self._newest(f"{key}.csv")
        self.ids[new] = file.file_id
        if file.outcome is Outcome.QUARANTINED:
            # Rows beneath could not come back: it has refused, and said so.
            assert "come back" in (file.reason or ""), file
            self.said.append("refused")
            return
        self.model.drop(new)

    def _correct(self) -> None:
        files = [each for each in self.model.all if each.corrects is None and each.bad]
        file = self._some([each for each in files if each in self.ids])
        if file is None:
            return
        known = self.world.ledger.files.get(self.ids[file])
        lines = self.random.sample(sorted(file.bad), self.random.randint(1, len(file.bad)))
        fixed: dict[int, Row] = {}
        for line in lines:
            self.numbers += 1
            fixed[line] = (file.bad[line][0], file.bad[line][1], self.numbers)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["k", "day", "n", "_line", "_error", "_file"])
        for line in sorted(fixed):
            k, day, n = fixed[line]
            writer.writerow([k, f"2026-11-{day:02}", n, line, "fixed", known.file_id])
        name = f"fix{len(self.model.all)}.csv"
        path = self.world.drop / name
        path.write_text(out.getvalue())
        self.minutes += 1
        at = (START + timedelta(minutes=self.minutes)).timestamp()
        os.utime(path, (at, at))
        new = Delivery(
            key=name, number=len(self.model.all), good={}, bad={}, corrects=file, fixed=fixed
        )
        self._load()
        found = self._newest(name)
        self.ids[new] = found.file_id
        if found.outcome is Outcome.QUARANTINED:
            self.said.append("refused correction")
            assert found.reason
            assert not file.in_force or "not kept" in found.reason, found.reason
            return
        self.model.correct(new)

    def _unload(self) -> None:
        file = self._some(
            [each for each in self.model.all if each.in_force and each.corrects is None]
        )
        if file is None:
            return
        try:
            self.world.unload(self.ids[file])
        except FatalError as error:
            self.said.append(f"unload refused: {error.message[:40]}")
            return
        self.model.unload(file)
        self._load()

    def _replay(self) -> None:
        there = [each for each in self.model.all if each.in_force]
        file = self._some(
            [each for each in there if each.corrects is None or each.corrects.in_force]
        )
        if file is None:
            return
        known = self.world.ledger.files.get(self.ids[file])
        replay(self.world.runtime, [known], lambda work, left: None)
        self._load()
        again = self.world.ledger.files.get(self.ids[file])
        if again.outcome is Outcome.QUARANTINED:
            assert "come back" in (again.reason or "") or "not kept" in (again.reason or ""), again
            self.said.append("replay refused")

    def _clean(self) -> None:
        days = {
            f"{name}_days": self.random.choice([1, 5, None])
            for name in ("landing", "staged", "rejects", "files", "timelines")
        }
        later = datetime.now(UTC) + timedelta(days=self.random.randint(0, 9))
        runtime = replace(
            self.world.runtime, retention=Retention.model_validate(days), now=lambda: later
        )
        while any(each.more for each in clean(runtime)):
            pass

    def _back_up(self) -> None:
        self.saved.append(Saved(self._copy_ledger(), len(self.model.all)))
        self.world.snapshot()
        self.has_snapshot = True

    def _restore_ledger(self) -> None:
        if not self.saved:
            return
        self._restore(self.random.choice(self.saved).ledger)
        self._reconcile()

    def _restore_warehouse(self) -> None:
        if not self.has_snapshot:
            return
        self.world.restore_snapshot()
        self._reconcile()

    def _lose_storage(self) -> None:
        shutil.rmtree(self.world.folder / "storage", ignore_errors=True)

    def _second_service(self) -> None:
        """Another service over an older ledger loads nothing, and says so."""
        if not self.saved:
            return
        ours = self._copy_ledger()
        self._restore(self.saved[-1].ledger)
        before = self.world.table()
        try:
            self.world.run()
        except FatalError:
            self.said.append("second service refused")
        assert self.world.table() == before
        self._restore(ours)

    # What steps are made of.

    def _some(self, items: list[Delivery]) -> Delivery | None:
        return self.random.choice(items) if items else None

    def _newest(self, name: str) -> File:
        found = self.world.ledger.files.find(name)
        return max(found, key=lambda each: (each.discovered_at or START, each.item.sent_at))

    def _load(self) -> None:
        self.world.run()
        if any(file.status not in AT_REST for file in self.world.ledger.files.latest()):
            # A correction that is applied again comes after its file.
            self.world.run()
        for file in self.world.ledger.files.latest():
            if file.status not in AT_REST:
                last = self.world.ledger.timelines.of(file.file_id)[-1]
                raise AssertionError(f"{file.item.name} is {file.status}: {last}")

    def _reconcile(self) -> None:
        """The product refuses as long as there is anything to be refused; then it is told."""
        found = reconcile(self.world.runtime, "stock")
        self.said.append("reconciled" if not found.agreed else "agreed")
        self.world.ledger.feeds.resume("stock")
        self._load()
        for file_id in found.unload:
            if self.world.ledger.files.get(file_id).in_force:
                self.world.unload(file_id)
        self._load()
        for each, file_id in list(self.ids.items()):
            if file_id in found.lost and each.in_force:
                self.said.append("lost")
                self.model.unload(each)

    def _copy_ledger(self) -> Path:
        target = self.world.folder / f"copy{time.monotonic_ns()}"
        database = self.world.ledger.database
        if database.engine.dialect.name == "sqlite":
            with sqlite3.connect(self.world.folder / "ledger.db") as ledger:
                ledger.execute("VACUUM INTO ?", (str(target),))
            return target
        schema = target.name
        with database.engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
            for table in _tables():
                connection.execute(text(f"CREATE TABLE {schema}.{table} AS TABLE public.{table}"))
        return target

    def _restore(self, copy: Path) -> None:
        engine = self.world.ledger.database.engine
        if engine.dialect.name == "sqlite":
            engine.dispose()
            for suffix in ("", "-wal", "-shm"):
                (self.world.folder / f"ledger.db{suffix}").unlink(missing_ok=True)
            shutil.copy(copy, self.world.folder / "ledger.db")
            return
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(_tables())} CASCADE"))
            for table in _tables():
                connection.execute(text(f"INSERT INTO {table} SELECT * FROM {copy.name}.{table}"))

    def compare(self, name: str) -> None:
        """The table is the model's, and deep verification finds nothing either."""
        found = sorted((str(k), day.day, n) for k, day, n, *_ in self.world.table())
        assert found == self.model.table(), f"after {name}"


def _tables() -> list[str]:
    from connectors.ledger.tables import metadata

    return [table.name for table in metadata.sorted_tables]


@contextmanager
def a_history(url: str, mode: WriteMode, seed: int, ledger: str | None = None) -> Iterator[History]:
    """A new world, its model and its dice."""
    with tempfile.TemporaryDirectory(prefix="waybill-time-") as folder:
        world = World(url, Path(folder), mode, ledger_url=ledger)
        contracts = {"stock": replace(STOCK, reject_threshold=0.9)}
        world.runtime = replace(world.runtime, contracts=contracts)
        try:
            yield History(world, Model(mode.value), random.Random(seed))
        finally:
            world.close()


def play(url: str, seed: int, ledger: str | None = None) -> list[str]:
    """Play the history of that seed; what was done and said. Raises AssertionError."""
    dice = random.Random(seed)
    mode = dice.choice(list(WriteMode))
    names, weights = zip(*STEPS, strict=True)
    done: list[str] = [mode.value]
    with a_history(url, mode, seed, ledger) as history:
        for name in ["drop", "drop", *dice.choices(names, weights, k=dice.randint(4, 7))]:
            done.append(name)
            try:
                history.step(name)
            except BaseException as error:
                error.add_note(f"seed {seed}: {', '.join(done)}; said {history.said}")
                raise
        differences: list[object] = list(verify(history.world.runtime, "stock"))
        deep_ones: list[object] = [
            each
            for each in deep(history.world.runtime, "stock")
            if not isinstance(each, NotLookedInto)
        ]
        assert not differences + deep_ones, f"seed {seed}: {done}: {differences}, {deep_ones}"
    return [*done, *history.said]
