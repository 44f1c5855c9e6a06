"""What every ledger promises of held files, quotas and replies, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.ledger.tables import replies
from schemas.errors import LeaseLostError
from schemas.file import Counts, Event, File, Outcome, Status
from schemas.item import Item, Page
from schemas.receipt import Example, Receipt, RuleSummary
from schemas.reply import Reply, ReplyState
from schemas.trust import Cause, TrustedSender

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)), lambda: NOON)
    ledger.migrate()
    yield ledger
    ledger.database.engine.dispose()


def added(ledger: SqlLedger, *names: str) -> list[str]:
    items = [
        Item(key=name, version="1", name=name, sent_at=NOON, sender="a@b.example", group="m")
        for name in names
    ]
    return list(ledger.files.register("t", "s", Page(items=tuple(items))))


def claimed(ledger: SqlLedger, file_id: str) -> File:
    file = ledger.leases.claim(file_id, Status.DISCOVERED, "w", 60)
    assert file is not None
    return file


def aside(ledger: SqlLedger, file: File, reason: str) -> File:
    event = Event(file_id=file.file_id, at=NOON, step="trust", outcome="held", message=reason)
    return ledger.holds.hold(replace(file, status=Status.HELD, reason=reason), Cause.SENDER, event)


def test_a_held_file_waits_until_somebody_lets_it_in(ledger: SqlLedger) -> None:
    one, other = added(ledger, "a.csv", "b.csv")
    stale = claimed(ledger, one)
    assert aside(ledger, stale, "who?").status is Status.HELD
    with pytest.raises(LeaseLostError):
        aside(ledger, stale, "again")
    assert list(ledger.leases.due(Status.DISCOVERED, 9)) == [other]
    assert ledger.leases.claim(one, Status.DISCOVERED, "w", 60) is None
    with pytest.raises(ValueError, match=f"waybill release {one}"):
        ledger.files.retry(one)
    with pytest.raises(ValueError, match="not held"):
        ledger.holds.release(other, "eve")
    # The message it came with is not done, so that nobody moves it away.
    assert ledger.files.unfinished_of_group(ledger.files.get(other)) == 1
    (hold,) = ledger.holds.latest("t")
    assert (hold.file_id, hold.cause, hold.reason, hold.held_at) == (
        one, Cause.SENDER, "who?", NOON,
    )  # fmt: skip
    assert ledger.files.latest(status="held")[0].reason == "who?"
    assert ledger.holds.latest("other") == []

    assert ledger.holds.release(one, "ana\x00\udc80").status is Status.DISCOVERED
    assert one in ledger.leases.due(Status.DISCOVERED, 9)
    assert ledger.holds.latest() == []
    (hold,) = ledger.holds.latest(over=True)
    assert (hold.released_by, hold.released_at) == ("ana\x00\udc80", NOON)
    assert ledger.holds.of(one) == hold
    assert ledger.holds.of(other) is None
    assert [each.outcome for each in ledger.timelines.of(one)] == ["discovered", "held", "released"]


def test_an_address_is_trusted_for_a_feed_until_it_is_not(ledger: SqlLedger) -> None:
    trusted = ledger.trusted_senders
    known = {
        (sender, feed): TrustedSender(
            sender=sender, feed=feed, address=sender, trusted_at=NOON, trusted_by="ana"
        )
        for sender in ("a_%@x.example", "b@x.example", "ü@y.example")
        for feed in ("s", "t")
    }
    assert [trusted.add(each) for each in known.values()] == [True] * 6
    again = replace(known["b@x.example", "t"], trusted_by="bo")
    assert not trusted.add(again)
    assert trusted.has("t", "b@x.example")
    assert not trusted.has("u", "b@x.example")
    assert [each.trusted_by for each in trusted.of("b@x.example")] == ["ana", "ana"]
    ordered = [known[each] for each in sorted(known)]
    assert trusted.page(None, None, None, 9) == ordered
    assert trusted.page(None, None, ("b@x.example", "s"), 2) == ordered[3:5]
    assert trusted.page("_%", ["t"], None, 9) == [known["a_%@x.example", "t"]]
    assert trusted.page("X.EX", ["t"], None, 9) == [ordered[1], ordered[3]]
    assert trusted.page(None, [], None, 9) == []
    assert trusted.remove("t", "b@x.example") == known["b@x.example", "t"]
    assert trusted.remove("t", "b@x.example") is None
    assert not trusted.has("t", "b@x.example")
    assert trusted.has("s", "b@x.example")


def test_a_quota_counts_each_file_once_and_holds_under_a_rush(ledger: SqlLedger) -> None:
    files = [
        replace(ledger.files.get(each), size=100) for each in added(ledger, *map(str, range(6)))
    ]

    def admit(file: File) -> bool:
        return ledger.holds.count_against_sender_quota(file, "a@b.example", "2026-11-03", 3, None)

    with ThreadPoolExecutor(6) as pool:
        let_in = list(pool.map(admit, files))
    assert sum(let_in) == 3
    assert list(map(admit, files)) == let_in
    left = files[let_in.index(False)]
    assert not ledger.holds.count_against_sender_quota(left, "a@b.example", "2026-11-03", None, 399)
    assert ledger.holds.count_against_sender_quota(left, "a@b.example", "2026-11-03", None, 400)
    others = [file for file, is_in in zip(files, let_in, strict=True) if not is_in and file != left]
    assert ledger.holds.count_against_sender_quota(others[0], "a@b.example", "2026-11-04", 1, 100)
    assert ledger.holds.count_against_sender_quota(others[1], "c@b.example", "2026-11-03", 1, 100)


def reply(ledger: SqlLedger, file_id: str, name: str, **facts: Any) -> Reply:
    item = ledger.files.get(file_id).item
    receipt = Receipt(
        file_id=file_id, feed="t", table="p.d.t", name=name, key=item.key,
        outcome=Outcome.PARTLY, counts=Counts(read=3, loaded=2, rejected=1), sent_at=NOON,
        loaded_at=NOON, rules=(
            RuleSummary(rule="type", column="n", count=1, fix="é", examples=(
                Example(line=2, column="n", value="x\udc80", message="no"),)),
        ),
    )  # fmt: skip
    values: dict[str, Any] = {"is_digest": False, "state": ReplyState.PLANNED, **facts}
    return Reply(
        reply_id=f"{file_id}r", message_id=f"<receipt.{file_id}r@waybill>", file_id=file_id,
        feed="t", to="a@b.example", name=name, receipt=receipt, planned_at=NOON,
        **values,
    )  # fmt: skip


def test_a_receipt_of_an_earlier_release_is_read_in_todays_words(ledger: SqlLedger) -> None:
    """It said `held` of what is waiting: of the file, and of each drift that it names."""
    (one,) = added(ledger, "a.csv")
    ledger.replies.plan(reply(ledger, one, "a.csv"))
    with ledger.database.write() as connection:
        receipt = connection.scalars(select(replies.c.receipt)).one()
        note = {"drift_id": "12345678", "kind": "new column", "column": "n", "message": "?"}
        del receipt["waiting"]
        old = {**receipt, "held": True, "drift": [{**note, "held": True}]}
        connection.execute(update(replies).values(receipt=old))
    (found,) = ledger.replies.of(one)
    assert found.receipt.waiting
    assert [each.waiting for each in found.receipt.drift] == [True]


def test_a_reply_is_planned_once_and_closed(ledger: SqlLedger) -> None:
    (one,) = added(ledger, "a.csv")
    planned = ledger.replies.plan(reply(ledger, one, "a.csv"))
    assert planned == reply(ledger, one, "a.csv")
    ledger.replies.close(planned.message_id, ReplyState.SENT)
    ledger.replies.close(planned.message_id, ReplyState.REFUSED, "too late")
    again = ledger.replies.plan(reply(ledger, one, "a.csv"))
    assert (again.state, again.closed_at, again.note) == (ReplyState.SENT, NOON, None)
    assert ledger.replies.of(one) == [again]


def test_the_earlier_reply_is_found_by_thread_and_by_name(ledger: SqlLedger) -> None:
    ids = added(ledger, "1", "2", "3", "4")
    names = ("march.csv", "april.csv", "april.csv")
    for at, (file_id, name) in enumerate(zip(ids, names, strict=False)):
        made = reply(ledger, file_id, name)
        ledger.replies.plan(replace(made, planned_at=NOON + timedelta(hours=at)))

    def earlier(name: str, *message_ids: str, to: str = "a@b.example") -> str | None:
        found = ledger.replies.earlier("t", to, name, message_ids, ids[3])
        return found.file_id if found else None

    assert earlier("APRIL.csv") == ids[2]
    assert earlier("april.csv.rejected.csv") == ids[2]
    assert earlier("new.csv", "<x@y>", f"<receipt.{ids[0]}r@waybill>") == ids[0]
    assert earlier("new.csv") is None
    assert earlier("april.csv", to="c@b.example") is None
    assert ledger.replies.earlier("t", "a@b.example", "april.csv", (), ids[2]) is not None


def test_a_digest_that_broke_off_comes_again_with_the_same_files(ledger: SqlLedger) -> None:
    ids = added(ledger, "1", "2", "3", "4")
    for file_id in ids[:3]:
        ledger.replies.plan(
            reply(ledger, file_id, file_id, is_digest=True, state=ReplyState.WAITING)
        )
    assert ledger.digests.feeds() == {"t": False}
    assert ledger.digests.due("t") == ["a@b.example"]
    begun = ledger.digests.open("t", "a@b.example", 2)
    assert len(begun) == 2
    assert len({each.message_id for each in begun}) == 1
    assert ledger.digests.feeds() == {"t": True}
    # One that is planned once more goes in the digest's mail, not in the one first thought of.
    again = reply(ledger, begun[0].file_id, "again", is_digest=True, state=ReplyState.WAITING)
    assert ledger.replies.plan(again) == begun[0]
    ledger.replies.plan(reply(ledger, ids[3], "late", is_digest=True, state=ReplyState.WAITING))
    assert ledger.digests.open("t", "a@b.example", 9) == begun
    ledger.replies.close(begun[0].message_id, ReplyState.SENT)
    rest = ledger.digests.open("t", "a@b.example", 9)
    assert {each.file_id for each in rest} == set(ids) - {each.file_id for each in begun}
    ledger.replies.close(rest[0].message_id, ReplyState.SENT)
    assert (ledger.digests.open("t", "a@b.example", 9), ledger.digests.feeds()) == ([], {})
