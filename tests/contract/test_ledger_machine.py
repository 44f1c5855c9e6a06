"""Random histories of a ledger on SQLite, each step compared with a model in plain Python."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from pydantic import SecretStr

from connectors.ledger import LedgerConfig, SqlLedger
from schemas.batch import Batch, BatchKind, BatchStatus, Committed, batch_id_of
from schemas.errors import LeaseLostError, RetryableError
from schemas.file import Event, File, Outcome, Status, file_id_of
from schemas.item import Item, Page

START = datetime(2026, 1, 1, tzinfo=UTC)
FEED, TABLE, LEASE = "orders", "demo.shop.orders", 10
PICK = st.integers(0, 3)
STEPS = {Status.DISCOVERED: Status.PREPARING, Status.LOADED: Status.ACKNOWLEDGING}


@dataclass
class Known:
    """What the model knows of one file."""

    order: tuple[datetime, str]
    status: Status = Status.DISCOVERED
    outcome: Outcome | None = None
    attempt: int = 0
    tries: int = 0
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    batch_id: str | None = None
    in_force: bool = False
    superseded_by: str | None = None
    events: list[str] = field(default_factory=lambda: ["discovered"])

    def due(self, status: Status, now: datetime) -> bool:
        """Whether a worker may claim the file under that status."""
        if self.status == status:
            return self.retry_at is None or self.retry_at <= now
        return (
            self.status == STEPS[status] and self.lease_until is not None
            and self.lease_until <= now
        )  # fmt: skip


def picked[T](among: list[T], pick: int) -> T:
    """One of the latest, so that what still matters comes up more often than what is long past."""
    return among[-1 - pick % len(among)]


class LedgerMachine(RuleBasedStateMachine):
    """Workers that claim, lose, give back and finish files, and loads that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.now = START
        url = SecretStr(f"sqlite:///{self.folder}/ledger.db")
        self.ledger = SqlLedger(LedgerConfig(url=url), lambda: self.now)
        self.model: dict[str, Known] = {}
        self.closed: dict[str, BatchStatus] = {}
        self.open: str | None = None
        self.open_kind = BatchKind.LOAD
        self.holdings: list[File] = []
        self.batches: list[Batch] = []

    @initialize()
    def begin(self) -> None:
        self.ledger.migrate()
        self.register([0, 1, 2])

    def teardown(self) -> None:
        self.ledger.database.engine.dispose()
        shutil.rmtree(self.folder)

    @rule(numbers=st.lists(st.integers(0, 5), max_size=4))
    def register(self, numbers: list[int]) -> None:
        items = [
            Item(key=f"{n}", version="1", name=f"{n}", sent_at=START + timedelta(days=n % 3))
            for n in numbers
        ]
        ids = {file_id_of(FEED, each.key, each.version): each for each in items}
        new = [file_id for file_id in ids if file_id not in self.model]
        assert self.ledger.files.register(FEED, "drop", Page(items=tuple(items))) == new
        for file_id in new:
            self.model[file_id] = Known((ids[file_id].sent_at, ids[file_id].key))

    @rule(steps=st.integers(1, 6), pick=PICK)
    def go_on(self, steps: int, pick: int) -> None:
        """Steps in the right direction, so that long histories come up, too."""
        for _ in range(steps):
            if self.open is not None:
                self.commit(0)
            elif any(known.status is Status.PREPARED for known in self.model.values()):
                self.open_batch(2)
            elif any(self.due_of(status) for status in STEPS):
                self.claim_what_is_due(pick)
                self.advance_as_meant(0)
            else:
                self.retry(pick)

    @rule(seconds=st.sampled_from([1, LEASE - 1, LEASE]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(pick=PICK)
    def claim_what_is_due(self, pick: int) -> None:
        due = [(file_id, status) for status in STEPS for file_id in self.due_of(status)]
        if due:
            self.claim(*picked(due, pick))

    @rule(pick=PICK, status=st.sampled_from(list(STEPS)))
    def claim_anything(self, pick: int, status: Status) -> None:
        self.claim(picked(list(self.model), pick), status)

    def claim(self, file_id: str, status: Status) -> None:
        known = self.model[file_id]
        file = self.ledger.leases.claim(file_id, status, "worker", LEASE)
        assert (file is not None) == known.due(status, self.now)
        if file is None:
            return
        known.status, known.retry_at = STEPS[status], None
        known.attempt += 1
        known.tries += 1
        known.lease_until = self.now + timedelta(seconds=LEASE)
        self.holdings.append(file)

    @precondition(lambda self: self.holdings)
    @rule(pick=PICK)
    def renew(self, pick: int) -> None:
        file = picked(self.holdings, pick)
        if self.held(file):
            self.ledger.leases.renew(file, LEASE)
            self.model[file.file_id].lease_until = self.now + timedelta(seconds=LEASE)
        else:
            with pytest.raises(LeaseLostError):
                self.ledger.leases.renew(file, LEASE)

    @precondition(lambda self: self.holdings)
    @rule(pick=PICK)
    def advance_as_meant(self, pick: int) -> None:
        file = picked(self.holdings, pick)
        ahead = Status.PREPARED if file.status is Status.PREPARING else Status.DONE
        self.advance(file, ahead)

    @precondition(lambda self: self.holdings)
    @rule(pick=PICK, status=st.sampled_from(list(Status)))
    def advance_anywhere(self, pick: int, status: Status) -> None:
        self.advance(picked(self.holdings, pick), status)

    def advance(self, file: File, status: Status) -> None:
        outcome = Outcome.ACCEPTED if status is Status.PREPARED else file.outcome
        then = replace(file, status=status, outcome=outcome)
        if not self.held(file):
            with pytest.raises(LeaseLostError):
                self.ledger.leases.advance(then, self.event(file, "late"))
            return
        back = next(due for due, held in STEPS.items() if held == file.status)
        ahead = {Status.PREPARED, Status.HELD} if back is Status.DISCOVERED else {Status.DONE}
        if status not in {back, Status.FAILED, *ahead}:
            with pytest.raises(ValueError, match="cannot advance"):
                self.ledger.leases.advance(then, self.event(file, "refused"))
            return
        self.ledger.leases.advance(then, self.event(file, "advanced"))
        known = self.model[file.file_id]
        known.status, known.outcome, known.lease_until, known.tries = status, outcome, None, 0
        known.events.append("advanced")

    @precondition(lambda self: self.holdings)
    @rule(pick=PICK, pause=st.sampled_from([None, 1, LEASE]))
    def release(self, pick: int, pause: int | None) -> None:
        file = picked(self.holdings, pick)
        retry_at = None if pause is None else self.now + timedelta(seconds=pause)
        if not self.held(file):
            with pytest.raises(LeaseLostError):
                self.ledger.leases.release(file, retry_at, self.event(file, "late"))
            return
        self.ledger.leases.release(file, retry_at, self.event(file, "released"))
        known = self.model[file.file_id]
        known.status = next(due for due, held in STEPS.items() if held == known.status)
        known.lease_until, known.retry_at = None, retry_at
        known.events.append("released")

    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        file_id = picked(list(self.model), pick)
        known = self.model[file_id]
        if known.status not in (Status.DONE, Status.FAILED, Status.UNLOADED):
            with pytest.raises(ValueError, match=r"still on its way|is held"):
                self.ledger.files.retry(file_id)
            return
        self.ledger.files.retry(file_id)
        known.status, known.tries = Status.DISCOVERED, 0
        known.outcome = known.batch_id = known.retry_at = known.superseded_by = None
        known.events.append("requested")

    @rule(pick=PICK)
    def let_in(self, pick: int) -> None:
        file_id = picked(list(self.model), pick)
        known = self.model[file_id]
        if known.status is not Status.HELD:
            with pytest.raises(ValueError, match="is not held"):
                self.ledger.holds.release(file_id, "ana")
            return
        self.ledger.holds.release(file_id, "ana")
        known.status, known.tries, known.retry_at = Status.DISCOVERED, 0, None
        known.events.append("released")

    @rule(picks=st.lists(PICK, min_size=1, max_size=2))
    def open_unload(self, picks: list[int]) -> None:
        ids = sorted({picked(list(self.model), pick) for pick in picks})
        chosen = [self.model[id_] for id_ in ids]
        if self.open is not None:
            opened = [id_ for id_, known in self.model.items() if known.batch_id == self.open]
            same = self.open_kind is BatchKind.UNLOAD and sorted(opened) == ids
            if not same:
                with pytest.raises(RetryableError):
                    self.ledger.batches.open_unload(FEED, TABLE, ids)
                return
        elif not all(
            known.in_force and known.status in (Status.DONE, Status.FAILED) for known in chosen
        ):
            with pytest.raises(ValueError, match="not loaded"):
                self.ledger.batches.open_unload(FEED, TABLE, ids)
            return
        batch = self.ledger.batches.open_unload(FEED, TABLE, ids)
        assert sorted(file.file_id for file in batch.files) == ids
        assert batch.batch_id not in self.closed
        self.open, self.open_kind = batch.batch_id, BatchKind.UNLOAD
        for known in chosen:
            known.status, known.batch_id = Status.UNLOADING, batch.batch_id
        self.batches.append(batch)

    @rule(most=st.integers(1, 3))
    def open_batch(self, most: int) -> None:
        batch = self.ledger.batches.open(FEED, TABLE, most, 1 << 40)
        if self.open is not None:
            members = [id_ for id_, known in self.model.items() if known.batch_id == self.open]
            assert batch is not None
            assert batch.batch_id == self.open
        else:
            members = [id_ for id_, known in self.model.items() if known.status == "prepared"]
        members = sorted(members, key=lambda id_: self.model[id_].order)
        if self.open is None:
            members = members[:most]
        assert [file.file_id for file in (batch.files if batch else ())] == members
        if batch is None:
            return
        if self.open is None:
            number = batch.generation
            assert batch.batch_id == batch_id_of(TABLE, batch.files, generation=number)
            assert batch.batch_id not in self.closed
            self.open_kind = BatchKind.LOAD
        self.open = batch.batch_id
        assert batch.kind is self.open_kind
        for id_ in members if self.open_kind is BatchKind.LOAD else ():
            self.model[id_].status, self.model[id_].batch_id = Status.LOADING, batch.batch_id
        self.batches.append(batch)

    @precondition(lambda self: self.batches)
    @rule(pick=PICK, old=st.one_of(st.none(), PICK))
    def commit(self, pick: int, old: int | None = None) -> None:
        batch = picked(self.batches, pick)
        inforce = [
            id_ for id_, known in self.model.items()
            if known.in_force and known.batch_id != batch.batch_id
        ]  # fmt: skip
        if old is not None and inforce and batch.kind is BatchKind.LOAD:
            batch = replace(batch, superseded={picked(inforce, old): batch.files[0].file_id})
        if self.closed.get(batch.batch_id) is BatchStatus.ABANDONED:
            with pytest.raises(LeaseLostError):
                self.ledger.batches.commit(batch, Committed(rows=1), self.events(batch, "late"))
            return
        self.ledger.batches.commit(batch, Committed(rows=1), self.events(batch, "committed"))
        if batch.batch_id != self.open:
            return
        self.closed[batch.batch_id], self.open = BatchStatus.COMMITTED, None
        for file in batch.files:
            known = self.model[file.file_id]
            known.events.append("committed")
            if batch.kind is BatchKind.UNLOAD:
                known.status, known.in_force = Status.UNLOADED, False
                continue
            known.status = Status.LOADED
            known.in_force = known.in_force or known.outcome is Outcome.ACCEPTED
        for id_, newer in batch.superseded.items():
            self.model[id_].in_force, self.model[id_].superseded_by = False, newer
        if batch.kind is BatchKind.UNLOAD:
            self.bring_back({file.file_id for file in batch.files})

    def bring_back(self, gone: set[str]) -> None:
        """What the unloaded files superseded is in force, unless something newer still is."""
        for id_, known in self.model.items():
            if known.superseded_by not in gone or id_ in gone:
                continue
            while known.superseded_by in gone:
                known.superseded_by = self.model[known.superseded_by].superseded_by
            known.in_force = known.superseded_by is None and known.outcome is Outcome.ACCEPTED

    @precondition(lambda self: self.batches)
    @rule(pick=PICK, refusal=st.sampled_from([None, "bad dates"]))
    def abandon(self, pick: int, refusal: str | None) -> None:
        batch = picked(self.batches, pick)
        if self.closed.get(batch.batch_id) is BatchStatus.COMMITTED:
            with pytest.raises(LeaseLostError):
                self.ledger.batches.abandon(batch, self.events(batch, "late"), refusal)
            return
        self.ledger.batches.abandon(batch, self.events(batch, "abandoned"), refusal)
        if batch.batch_id != self.open:
            return
        self.closed[batch.batch_id], self.open = BatchStatus.ABANDONED, None
        for file in batch.files:
            known = self.model[file.file_id]
            unload = batch.kind is BatchKind.UNLOAD
            known.status, known.batch_id = Status.DONE if unload else Status.PREPARED, None
            known.attempt += 1
            known.events.append("abandoned")
            if refusal is not None and not unload:
                known.outcome = Outcome.QUARANTINED

    @invariant()
    def the_ledger_is_the_model(self) -> None:
        for file_id, known in self.model.items():
            file = self.ledger.files.get(file_id)
            for name in (
                "status", "outcome", "attempt", "tries", "lease_until", "retry_at", "batch_id",
                "in_force", "superseded_by",
            ):  # fmt: skip
                assert getattr(file, name) == getattr(known, name), name
            assert (file.owner is None) == (known.lease_until is None)
            assert [event.outcome for event in self.ledger.timelines.of(file_id)] == known.events

    @invariant()
    def what_is_owed_is_found(self) -> None:
        for status in STEPS:
            assert set(self.ledger.leases.due(status, 100)) == set(self.due_of(status))
        statuses = [known.status for known in self.model.values()]
        waiting = (Status.DISCOVERED, Status.PREPARING, Status.PREPARED)
        assert self.ledger.files.waiting(FEED) == sum(map(statuses.count, waiting))
        assert self.ledger.files.unprepared(FEED) == any(map(statuses.count, waiting[:2]))
        owed = {Status.PREPARED, Status.LOADING, Status.UNLOADING} & set(statuses)
        assert self.ledger.feeds.to_load() == ([FEED] if owed else [])

    def due_of(self, status: Status) -> list[str]:
        """The files that a worker may claim under that status."""
        return [id_ for id_, known in self.model.items() if known.due(status, self.now)]

    def held(self, file: File) -> bool:
        """Whether that claim is still the file's last and has not ended."""
        known = self.model[file.file_id]
        return known.lease_until is not None and known.attempt == file.attempt

    def event(self, file: File, outcome: str) -> Event:
        return Event(file_id=file.file_id, at=self.now, step="step", outcome=outcome)

    def events(self, batch: Batch, outcome: str) -> list[Event]:
        return [self.event(file, outcome) for file in batch.files]


LedgerMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedgerMachine = LedgerMachine.TestCase
