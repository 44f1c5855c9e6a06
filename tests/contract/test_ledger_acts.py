"""What the ledger promises of acts, keys, operations, counts by day and pages of files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from connectors.ledger import LedgerConfig, SqlLedger
from contract.test_ledger import START, Clock, add, claimed, done, event, item
from schemas.act import Act, Actor
from schemas.errors import LeaseLostError
from schemas.file import Counts, Outcome, Status
from schemas.file_query import FileQuery, FileState, Starts, state_of
from schemas.key import Key, Role
from schemas.operation import Operation, OperationKind, OperationState

ANA = Actor(who="ana", via="cli", origin="10.0.0.7", request_id="r1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)), clock)
    made.migrate()
    yield made
    made.close()


def act(subject: str = "s", feed: str | None = "orders") -> Act:
    return Act(action="retry", subject_kind="file", subject=subject, actor=ANA, feed=feed)


def test_acts_are_sealed_one_by_the_other_and_never_changed(ledger: SqlLedger) -> None:
    first = ledger.acts.append(replace(act("ü\ud800\x00"), before={"a": None, "b": ["x", 1]}))
    second = ledger.acts.append(act("t", feed=None))
    assert (second.number, second.previous) == (2, first.hash)
    assert list(ledger.acts.page(0)) == [first, second]
    assert [each.hash for each in ledger.acts.page(0)] == [
        each.hashed() for each in ledger.acts.page(0)
    ]
    assert ledger.acts.latest(feeds=["orders"]) == [first]
    assert ledger.acts.latest(before=2) == [first]
    for change in ("UPDATE acts SET who = 'eve'", "DELETE FROM acts"):
        with pytest.raises(Exception, match="acts are never changed"):
            with ledger.database.engine.begin() as connection:
                connection.execute(text(change))
    assert list(ledger.acts.page(0)) == [first, second]


def test_acts_of_many_at_once_make_one_chain(ledger: SqlLedger) -> None:
    def some() -> None:
        for _ in range(5):
            ledger.acts.append(act())

    threads = [threading.Thread(target=some) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = ledger.acts.page(0)
    assert [each.number for each in found] == list(range(1, 21))
    assert all(b.previous == a.hash for a, b in pairwise(found))


def test_a_change_and_its_act_are_there_together_or_not_at_all(ledger: SqlLedger) -> None:
    [file_id] = add(ledger, item("a.csv"))
    done(ledger, file_id)
    with pytest.raises(KeyError), ledger.acts.together():  # noqa: PT012 -- it is one transaction
        ledger.files.retry(file_id)
        ledger.acts.append(act(file_id))
        ledger.files.get("unknown")
    assert ledger.files.get(file_id).status is Status.DONE
    assert ledger.acts.page(0) == []
    with ledger.acts.together():
        ledger.files.retry(file_id)
        with pytest.raises(ValueError, match="still on its way"):
            ledger.files.retry(file_id)
        ledger.acts.append(act(file_id))
    assert ledger.files.get(file_id).status is Status.DISCOVERED
    assert [each.subject for each in ledger.acts.page(0)] == [file_id]


def test_a_key_is_found_by_its_id_used_and_revoked(ledger: SqlLedger, clock: Clock) -> None:
    key = Key(
        key_id="0123456789ab", name="erp", role=Role.VIEWER, feeds=("orders*",),
        created_at=START, created_by="ana",
    )  # fmt: skip
    ledger.keys.add(key, "ab" * 32)
    assert ledger.keys.find("0123456789ab") == (key, "ab" * 32)
    assert ledger.keys.find("ffffffffffff") is None
    ledger.keys.note_use(key)
    clock.pass_seconds(10)
    used = ledger.keys.all()[0]
    ledger.keys.note_use(used)
    assert ledger.keys.all()[0].last_used_at == START
    ledger.keys.note_failure(key.key_id)
    ledger.keys.note_failure("ffffffffffff")
    assert ledger.keys.all()[0].failures == 1
    assert ledger.keys.revoke(key.key_id, "bob")
    assert not ledger.keys.revoke(key.key_id, "eve")
    [revoked] = ledger.keys.all()
    assert (revoked.revoked_by, revoked.is_valid(clock.now)) == ("bob", False)
    with pytest.raises(KeyError):
        ledger.keys.revoke("ffffffffffff", "bob")


def test_an_operation_is_taken_over_once_its_worker_is_dead(
    ledger: SqlLedger, clock: Clock
) -> None:
    asked = Operation(
        operation_id="0" * 16, kind=OperationKind.REPLAY, feed="orders", request={}, actor=ANA
    )
    assert ledger.operations.add(asked).state is OperationState.WAITING
    assert ledger.operations.due() == [asked.operation_id]
    first = ledger.operations.claim(asked.operation_id, "one", 60)
    assert first is not None
    assert ledger.operations.claim(asked.operation_id, "two", 60) is None
    clock.pass_seconds(61)
    second = ledger.operations.claim(asked.operation_id, "two", 60)
    assert second is not None
    with pytest.raises(LeaseLostError):
        ledger.operations.finish(first)
    ledger.operations.finish(second, result={"files": 3})
    found = ledger.operations.get(asked.operation_id)
    assert (found.state, found.result, found.actor) == (OperationState.DONE, {"files": 3}, ANA)
    assert ledger.operations.due() == []
    assert ledger.operations.latest(["other"]) == []


def test_what_ends_is_counted_on_its_day(ledger: SqlLedger, clock: Clock) -> None:
    one, two = add(ledger, item("a.csv"), item("b.csv"))
    done(ledger, one)
    clock.pass_seconds(86_400)
    done(ledger, two)
    days = ledger.daily_counts.of("orders", "2026-01-01")
    assert [(each.day, each.accepted) for each in days] == [("2026-03-29", 1), ("2026-03-30", 1)]
    ledger.files.retry(one)
    assert [each.accepted for each in ledger.daily_counts.of("orders", "2026-01-01")] == [0, 1]
    assert ledger.daily_counts.of("orders", "2026-03-31") == []


def test_what_ends_is_counted_for_its_sender(ledger: SqlLedger, clock: Clock) -> None:
    first, second = add(
        ledger,
        item("a.csv", sender="Ana@x.example", sent_at=START),
        item("b.csv", sender="Ana@x.example", sent_at=START + timedelta(days=1)),
    )
    done(ledger, first)
    done(ledger, second)
    done(ledger, *add(ledger, item("c.csv", sender="bo@y.example")))
    [ana, bo] = ledger.senders.page(None, None, None, 50)
    assert (ana.sender, ana.feed, ana.accepted) == ("Ana@x.example", "orders", 2)
    assert ana.last_sent == START + timedelta(days=1)
    assert [each.sender for each in ledger.senders.page(None, None, ana.sender, 50)] == [bo.sender]
    assert ledger.senders.page("ana@X", None, None, 50) == [ana]
    assert ledger.senders.page("%", None, None, 50) == []
    assert ledger.senders.page(None, ["other"], None, 50) == []
    assert ledger.senders.page(None, ["orders"], None, 1) == [ana]
    ledger.files.retry(second)
    assert ledger.senders.page("ana", None, None, 50) == [replace(ana, accepted=1)]
    done(ledger, second)
    assert ledger.senders.page("ana", None, None, 50) == [ana]
    assert ledger.daily_counts.total(["orders"], "2026-01-01").accepted == 3
    assert ana.days == 2
    assert ledger.senders.forget(START + timedelta(days=2)) == 2
    ledger.files.retry(first)
    assert ledger.senders.page(None, None, None, 50) == []


def test_files_are_counted_up_to_a_number_and_found_in_windows(
    ledger: SqlLedger, clock: Clock
) -> None:
    [first] = add(ledger, item("a.csv"))
    done(ledger, first)
    clock.pass_seconds(86_400)
    add(ledger, item("b.csv"), item("c.csv"))
    day = timedelta(days=1)
    windows = [(START - day, START), (START, START + day), (START + day, START + 2 * day)]
    # The second day's files are not taken yet.
    assert ledger.file_pages.first_sent("orders", windows) == [None, START, None]
    assert ledger.file_pages.first_sent("other", []) == []
    way, loaded = FileState.ON_ITS_WAY, FileState.LOADED
    assert ledger.file_pages.at_most(way, None, 10) == 2
    assert ledger.file_pages.at_most(way, ["orders"], 1) == 1
    assert ledger.file_pages.at_most(way, ["other"], 10) == 0
    assert ledger.file_pages.at_most(loaded, ["orders"], 10) == 1


def test_a_file_whose_rejected_rows_are_all_corrected_needs_nobody(ledger: SqlLedger) -> None:
    partly, loaded = FileState.PARTLY, FileState.LOADED
    [file_id, first, second] = add(ledger, item("a.csv"), item("b.csv"), item("c.csv"))
    done(ledger, file_id, outcome=Outcome.PARTLY, counts=Counts(read=5, loaded=3, rejected=2))
    for correction, state, left in ((first, partly, 1), (second, loaded, 0)):
        done(ledger, correction, corrects=file_id, counts=Counts(read=1, loaded=1))
        assert state_of(ledger.files.get(file_id)) is state
        assert ledger.file_pages.at_most(partly, None, 10) == left
        of_state, _ = ledger.file_pages.newest(FileQuery(state=state), "orders", None, 50)
        assert file_id in {each.file_id for each in of_state}


def test_pages_of_files_go_on_where_the_last_ended(ledger: SqlLedger, clock: Clock) -> None:
    names = [f"{letter}{number}.csv" for number in range(5) for letter in "ab"]
    add(ledger, *(item(name, sender=f"{name[0]}@x.example") for name in names[:6]))
    clock.pass_seconds(1)
    add(ledger, *(item(name, sender="a0@x.example") for name in names[6:]))
    seen: list[str] = []
    mark = None
    while True:
        page, mark = ledger.file_pages.newest(FileQuery(), None, mark, 3)
        seen += [each.item.name for each in page]
        if mark is None:
            break
    assert sorted(seen) == sorted(names)
    assert set(seen[:4]) == set(names[6:])
    late = FileQuery(since=START + timedelta(seconds=1))
    assert len(ledger.file_pages.newest(late, "orders", None, 50)[0]) == 4
    early = FileQuery(until=START + timedelta(seconds=1), contains="1.c")
    assert {each.item.name for each in ledger.file_pages.newest(early, "orders", None, 50)[0]} == {
        "a1.csv", "b1.csv"}  # fmt: skip
    begins = FileQuery(starts="a")
    first, after = ledger.file_pages.starting(Starts.NAME, begins, ["orders"], None, 3)
    rest, end = ledger.file_pages.starting(Starts.NAME, begins, ["orders"], after, 3)
    assert [each.item.name for each in [*first, *rest]] == [f"a{n}.csv" for n in range(5)]
    assert end is None
    by_sender, _ = ledger.file_pages.starting(Starts.SENDER, begins, None, None, 50)
    assert {each.item.name for each in by_sender} == {"b3.csv", "b4.csv"}
    assert ledger.file_pages.starting(Starts.NAME, begins, ["other"], None, 3) == ([], None)


def test_a_bad_status_is_refused(ledger: SqlLedger) -> None:
    with pytest.raises(ValueError, match="not a status"):
        ledger.file_pages.newest(FileQuery(status="odd"), None, None, 3)


def test_an_outcome_moves_with_the_file(ledger: SqlLedger) -> None:
    [file_id] = add(ledger, item("a.csv"))
    done(ledger, file_id)
    ledger.files.retry(file_id)
    file = claimed(ledger, file_id)
    prepared = replace(file, status=Status.PREPARED, outcome=Outcome.QUARANTINED)
    assert ledger.leases.advance(prepared, event(file)).status is Status.PREPARED
    [day] = ledger.daily_counts.of("orders", "2026-01-01")
    assert (day.accepted, day.quarantined) == (0, 0)


def test_measures_are_of_what_waits_and_of_what_ended_of_late(
    ledger: SqlLedger, clock: Clock
) -> None:
    [first] = add(ledger, item("a.csv"))
    done(ledger, first)
    began = clock.now
    second, _ = add(ledger, item("b.csv"), item("c.csv"))
    clock.pass_seconds(30)
    held = claimed(ledger, second)
    ledger.leases.release(held, None, replace(event(held), at=clock.now, seconds=1.5))
    claimed(ledger, second)
    waits, worked_on = ledger.measures.on_the_way()
    assert (waits.feed, waits.status, waits.files) == ("orders", "discovered", 1)
    assert (worked_on.status, worked_on.files, worked_on.oldest) == ("preparing", 1, began)
    [ended] = ledger.measures.ended(clock.now.date().isoformat())
    assert (ended.feed, ended.accepted, ended.quarantined) == ("orders", 1, 0)
    [step] = ledger.measures.step_times(clock.now)
    assert (step.step, step.count, step.seconds) == ("prepare", 1, 1.5)
    assert ledger.measures.step_times(clock.now + timedelta(seconds=1)) == []
