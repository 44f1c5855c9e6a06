"""What every ledger promises of files that are claimed and advanced together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.ledger import LedgerConfig, SqlLedger
from schemas.batch import Committed
from schemas.drift import KEPT_PROFILES, Profile
from schemas.errors import LeaseLostError
from schemas.file import Event, File, Outcome, Status
from schemas.item import Item, Page

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that only moves when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[SqlLedger]:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)), clock)
    ledger.migrate()
    yield ledger
    ledger.database.engine.dispose()


def added(ledger: SqlLedger, count: int, feed: str = "t", size: int | None = 100) -> list[str]:
    items = [
        Item(key=f"{number}.csv", version="1", name="x", sent_at=NOON, size=size)
        for number in range(count)
    ]
    return list(ledger.files.register(feed, "s", Page(items=tuple(items))))


def bundle(ledger: SqlLedger, owner: str = "w", **bounds: int) -> list[File]:
    most = {"max_files": 10, "max_bytes": 10_000, "file_bytes": 1_000, **bounds}
    return list(ledger.leases.claim_many("t", Status.DISCOVERED, owner, 60, **most))


def event(file: File, outcome: str = "accepted") -> Event:
    return Event(file_id=file.file_id, at=NOON, step="prepare", outcome=outcome)


def steps(files: Sequence[File], **facts: object) -> list[tuple[File, Event]]:
    values = {"status": Status.PREPARED, "outcome": Outcome.ACCEPTED, **facts}
    return [(replace(file, **values), event(file)) for file in files]  # type: ignore[arg-type]


def test_a_bundle_is_bounded_and_held_by_one(ledger: SqlLedger) -> None:
    ids = added(ledger, 5)
    added(ledger, 1, feed="other")
    first = bundle(ledger, max_files=2)
    assert [(file.status, file.attempt, file.tries) for file in first] == [
        (Status.PREPARING, 1, 1)
    ] * 2
    second = bundle(ledger, "other", max_bytes=250)
    assert len(second) == 2  # a third would be beyond the bytes
    assert not {file.file_id for file in first} & {file.file_id for file in second}
    [alone] = bundle(ledger, max_bytes=1)  # one goes however large it is
    assert {file.file_id for file in (*first, *second, alone)} == set(ids)
    assert bundle(ledger) == []


def test_large_files_and_files_that_were_tried_are_no_bundles(
    ledger: SqlLedger, clock: Clock
) -> None:
    [small] = added(ledger, 1)
    items = [
        Item(key=f"large-{size}.csv", version="1", name="x", sent_at=NOON, size=size)
        for size in (1_001, None)
    ]
    ledger.files.register("t", "s", Page(items=tuple(items)))
    [file] = bundle(ledger)
    assert file.file_id == small
    ledger.leases.release(file, None, event(file, "retry"))
    assert bundle(ledger) == []
    assert ledger.leases.claim(small, Status.DISCOVERED, "w", 60) is not None
    # What waited for somebody else was not tried.
    file = replace(ledger.files.get(small), owner="w")
    ledger.leases.release(file, None, event(file, "retry"))
    [new] = ledger.files.register(
        "t", "s", Page(items=(Item(key="n", version="1", name="x", sent_at=NOON, size=1),))
    )
    [file] = bundle(ledger)
    ledger.leases.release(file, clock.now + timedelta(seconds=5), event(file), is_try=False)
    assert bundle(ledger) == []
    clock.now += timedelta(seconds=5)
    assert [each.file_id for each in bundle(ledger)] == [new]


def test_what_is_advanced_together_is_what_each_would_be_alone(
    ledger: SqlLedger, clock: Clock
) -> None:
    added(ledger, 4)
    one, two, three, four = bundle(ledger)
    facts = {"sha256": "ab" * 32, "staged_keys": ("bundles/t/b/rows.parquet",), "bundle": "b"}
    clock.now += timedelta(seconds=60)
    taken = ledger.leases.claim(two.file_id, Status.DISCOVERED, "w", 60)
    assert taken is not None  # the lease of one has run out, and the same process has it anew
    assert ledger.leases.advance_many(steps([one, two, three], **facts)) == [two.file_id]
    alone = ledger.leases.advance(*steps([four], **facts)[0])
    found = ledger.files.get(one.file_id)
    assert found == replace(alone, file_id=one.file_id, item=one.item)
    assert ledger.files.get(two.file_id) == taken
    assert [each.outcome for each in ledger.timelines.of(one.file_id)] == ["discovered", "accepted"]
    assert [each.outcome for each in ledger.timelines.of(two.file_id)] == ["discovered"]
    assert set(ledger.leases.advance_many(steps([one, three], **facts))) == {
        one.file_id,
        three.file_id,
    }
    with pytest.raises(ValueError, match="preparing to done"):
        ledger.leases.advance_many(steps([taken], status=Status.DONE))
    assert ledger.files.get(two.file_id) == taken
    assert ledger.leases.advance_many([]) == []


def test_leases_are_renewed_together(ledger: SqlLedger, clock: Clock) -> None:
    added(ledger, 2)
    held = bundle(ledger)
    ledger.leases.advance_many(steps(held[:1]))
    clock.now += timedelta(seconds=30)
    ledger.leases.renew_many(held, 60)
    assert ledger.files.get(held[1].file_id).lease_until == NOON + timedelta(seconds=90)
    assert ledger.files.get(held[0].file_id).lease_until is None
    ledger.leases.advance_many(steps(held[1:]))
    with pytest.raises(LeaseLostError):
        ledger.leases.renew_many(held, 60)


def test_of_files_with_the_same_bytes_one_owns_them(ledger: SqlLedger) -> None:
    added(ledger, 3)
    one, two, three = bundle(ledger)
    same = [replace(file, sha256="ab" * 32) for file in (one, two)]
    other = replace(three, sha256="cd" * 32)
    owners = ledger.contents.claim_many([*same, other])
    assert owners[three.file_id] == three.file_id
    [owner] = {owners[one.file_id], owners[two.file_id]}
    assert owner in (one.file_id, two.file_id)
    assert ledger.contents.claim_many([*same, other]) == owners
    assert ledger.contents.claim(same[0]) == owner


def test_landed_bytes_are_shared_once_another_file_has_them(ledger: SqlLedger) -> None:
    added(ledger, 3)
    one, two, _ = files = bundle(ledger)
    new = {"landing/1": one.file_id, "landing/2": two.file_id}
    assert ledger.history.landings_shared(new) == set()
    ledger.leases.advance_many(steps(files[2:], landing_key="landing/2"))
    assert ledger.history.landings_shared(new) == {"landing/2"}
    assert ledger.locks.take("landing/1", "clean", 60)
    assert ledger.history.landings_shared(new) == {"landing/1", "landing/2"}


def test_a_bundle_is_needed_until_its_last_file_is_done(ledger: SqlLedger, clock: Clock) -> None:
    added(ledger, 2)
    files = bundle(ledger)
    later = NOON + timedelta(days=9)
    assert not ledger.history.bundle_needed("b", later)
    ledger.leases.advance_many(steps(files[:1], bundle="b"))
    ledger.leases.advance_many(
        steps(files[1:], bundle="b", rejects_key="bundles/t/b/rejects.parquet")
    )
    assert ledger.history.bundle_needed("b", later)
    batch = ledger.batches.open("t", "p.d.t", 9, 1 << 40)
    assert batch is not None
    ledger.batches.commit(batch, Committed(rows=1), [])
    told = ledger.leases.claim_many("t", Status.LOADED, "w", 60, max_files=9)
    ledger.leases.advance_many(steps(told, status=Status.DONE))
    [rejecting] = [each for each in map(ledger.files.get, map(_id, told)) if each.rejects_key]
    assert not ledger.history.bundle_needed("b", later)
    assert ledger.history.bundle_needed("b", later, rejects=True)
    assert ledger.history.forget_rejects(rejecting)
    assert not ledger.history.bundle_needed("b", later, rejects=True)
    assert ledger.history.bundle_needed("b", NOON)  # done since


def _id(file: File) -> str:
    return file.file_id


def test_two_workers_never_hold_the_same_file(ledger: SqlLedger) -> None:
    ids = added(ledger, 60)

    def work(owner: str) -> list[str]:
        found = []
        while files := bundle(ledger, owner, max_files=7):
            found += [file.file_id for file in files]
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [each for some in pool.map(work, "abcd") for each in some]
    assert sorted(claimed) == sorted(ids)


def test_profiles_of_many_files_are_kept_at_once(ledger: SqlLedger) -> None:
    ids = added(ledger, KEPT_PROFILES + 5)
    seen = {file_id: {"n": Profile(count=number)} for number, file_id in enumerate(ids)}
    ledger.profiles.save_many("t", {**seen, "none": {}})
    assert len(ledger.profiles.of("t", "")["n"]) == KEPT_PROFILES
    assert ledger.profiles.of("other", "") == {}
