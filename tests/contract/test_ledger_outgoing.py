"""What every ledger promises of links, webhooks and their posts, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, text

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.ledger.tables import batches, posts
from schemas.after_load import AfterLoad, AfterLoadState
from schemas.errors import LeaseLostError
from schemas.file import Counts, Outcome
from schemas.item import Item, Page
from schemas.receipt import Receipt
from schemas.webhook import PostState, Webhook, WebhookPost, WebhookScope

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
MONTH, HALF = NOON + timedelta(days=30), NOON + timedelta(days=15)
HOOK = Webhook(
    webhook_id="a" * 12, scope=WebhookScope.FEED, subject="t", url="https://a.example/",
    version=1, created_at=NOON, created_by="ana",
)  # fmt: skip


class Clock:
    now = NOON

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


def added(ledger: SqlLedger, *names: str) -> list[str]:
    items = [Item(key=name, version="1", name=name, sent_at=NOON) for name in names]
    return list(ledger.files.register("t", "s", Page(items=tuple(items))))


def planned(ledger: SqlLedger, *post_ids: str, webhook_id: str = HOOK.webhook_id) -> None:
    [file_id] = added(ledger, f"{post_ids[0]}.csv")
    receipt = Receipt(
        file_id=file_id, feed="t", table="p.d.t", name="a", key="a", outcome=Outcome.PARTLY,
        counts=Counts(read=2, loaded=1, rejected=1), sent_at=NOON, loaded_at=NOON,
        link="https://waybill.example/r/s3cr3t", link_until=MONTH,
    )  # fmt: skip
    ledger.posts.plan(
        [
            WebhookPost(
                post_id=each, webhook_id=webhook_id, file_id=file_id, feed="t", receipt=receipt,
                planned_at=NOON,
            )
            for each in post_ids
        ]
    )  # fmt: skip


def test_a_link_is_minted_once_and_stays_revoked(ledger: SqlLedger) -> None:
    one, other = added(ledger, "a.csv", "b.csv")
    links = ledger.receipt_links
    first = links.mint({one: "1" * 32}, MONTH, HALF)[one]
    again = links.mint({one: "2" * 32, other: "3" * 32}, MONTH + timedelta(days=1), HALF)
    assert again[one] == first
    assert again[other].nonce == "3" * 32
    moved = links.mint({one: "4" * 32}, MONTH + timedelta(days=20), MONTH + timedelta(days=1))
    assert moved[one] == replace(first, expires_at=MONTH + timedelta(days=20))
    assert links.revoke(one, "ana")
    assert not links.revoke(one, "ben")
    kept = links.mint({one: "5" * 32}, MONTH, HALF)[one]
    assert (kept.nonce, kept.revoked_by) == (None, "ana")
    assert links.renew(one, "6" * 32, MONTH) == links.of(one)
    [unlinked] = added(ledger, "c.csv")
    assert links.of(unlinked) is None
    assert links.revoke(unlinked, "ana"), "also where there was none yet"
    assert links.mint({unlinked: "7" * 32}, MONTH, HALF)[unlinked].nonce is None


def test_a_webhook_keeps_its_secret_while_its_address_changes(ledger: SqlLedger) -> None:
    hooks = ledger.webhooks
    assert hooks.put(HOOK) == HOOK
    assert hooks.rotate(HOOK.webhook_id, MONTH).version == 2
    hooks.disable(HOOK.webhook_id, "gone", "https://another.example/")
    assert hooks.get(HOOK.webhook_id).disabled_at is None
    hooks.disable(HOOK.webhook_id, "gone", hooks.get(HOOK.webhook_id).url)
    assert hooks.told_of("t", None) == []
    moved = hooks.put(replace(HOOK, webhook_id="b" * 12, url="https://b.example/"))
    assert (moved.webhook_id, moved.version, moved.url) == ("a" * 12, 2, "https://b.example/")
    assert moved.disabled_at is None
    assert moved.disabled_why is None
    of_sender = replace(
        HOOK, webhook_id="c" * 12, scope=WebhookScope.SENDER, subject="ana@b.example"
    )
    hooks.put(of_sender)
    assert hooks.told_of("t", "ana@b.example") == [moved, of_sender]
    assert hooks.told_of("ana@b.example", "t") == []
    assert hooks.told_of("other", "ana@b.example") == [of_sender]
    hooks.remove("a" * 12)
    for act in (hooks.get, hooks.remove):
        with pytest.raises(KeyError):
            act("a" * 12)
    with pytest.raises(KeyError):
        hooks.rotate("a" * 12, MONTH)


def test_a_run_after_a_load_is_one_workers_until_its_lease_ends_and_they_go_in_turn(
    ledger: SqlLedger, clock: Clock
) -> None:
    for number, batch_id in enumerate(("a" * 16, "b" * 16)):
        with ledger.database.engine.begin() as connection:
            connection.execute(
                insert(batches).values(
                    batch_id=batch_id, feed="t", table_name="p.d.t", attempt=1, kind="load",
                    status="committed", created_at=NOON,
                )
            )  # fmt: skip
        owed = AfterLoad(
            batch_id=batch_id, feed="t", batch={"batch_id": batch_id, "files": ["\ud800"]},
            file_ids=("f",), planned_at=NOON + timedelta(seconds=number),
        )  # fmt: skip
        for _ in range(2):
            ledger.after_loads.plan(owed)
    runs, day = ledger.after_loads, NOON + timedelta(days=1)
    assert runs.feeds() == ["t"]
    claimed = runs.claim("t", "w1", 60)
    assert claimed is not None
    assert (claimed.batch_id, claimed.tries, claimed.file_ids) == ("a" * 16, 1, ("f",))
    assert claimed.batch == {"batch_id": "a" * 16, "files": ["\ud800"]}
    assert runs.claim("t", "w2", 60) is None, "the next waits for the one before"
    assert runs.feeds() == []
    runs.renew(claimed, 600)
    clock.now += timedelta(seconds=599)
    assert runs.claim("t", "w2", 60) is None
    clock.now += timedelta(seconds=1)
    again = runs.claim("t", "w2", 60)
    assert again is not None
    assert (again.batch_id, again.tries) == ("a" * 16, 2)
    with pytest.raises(LeaseLostError):
        runs.renew(claimed, 60)
    with pytest.raises(LeaseLostError):
        runs.again(claimed, day, "no", ())
    with pytest.raises(LeaseLostError):
        runs.close(claimed, AfterLoadState.DONE, "late", ())
    runs.close(again, AfterLoadState.GIVEN_UP, "status 1", ())
    assert runs.last_closed("t", NOON) == runs.of("a" * 16)
    other = runs.claim("t", "w2", 60)
    assert other is not None
    assert other.batch_id == "b" * 16
    runs.again(other, day, "status 1", ())
    assert runs.claim("t", "w2", 60) is None
    assert runs.reopen("t") == 1
    assert runs.reopen("t") == 0
    first = runs.claim("t", "w2", 60)
    assert first is not None
    assert (first.batch_id, first.tries, first.closed_at) == ("a" * 16, 1, None)
    clock.now = day
    runs.close(first, AfterLoadState.DONE, "status 0", ())
    assert runs.last_closed("t", day + timedelta(days=1)) is None
    assert runs.forget(day + timedelta(days=1)) == 1
    assert runs.of("a" * 16) is None


def test_a_post_is_one_workers_until_its_lease_ends(ledger: SqlLedger, clock: Clock) -> None:
    ledger.webhooks.put(HOOK)
    planned(ledger, "1" * 24, "2" * 24, "3" * 24)
    with ThreadPoolExecutor(6) as pool:
        found = [*pool.map(lambda n: ledger.posts.claim("t", f"w{n}", 60), range(6))]
    claimed = [each for each in found if each is not None]
    assert len({each.post_id for each in claimed}) == len(claimed) == 3
    assert ledger.posts.feeds() == []
    clock.now += timedelta(seconds=61)
    assert ledger.posts.feeds() == ["t"]
    taken = ledger.posts.claim("t", "other", 60)
    assert taken is not None
    assert taken.tries == 2
    lost = next(each for each in claimed if each.post_id == taken.post_id)
    with pytest.raises(LeaseLostError):
        ledger.posts.close(lost, PostState.SENT, "late")
    with pytest.raises(LeaseLostError):
        ledger.posts.again(lost, MONTH, "late")
    ledger.posts.close(taken, PostState.SENT, "answered 200")
    with pytest.raises(LeaseLostError):
        ledger.posts.again(taken, MONTH, "twice")
    states = {each.post_id: each.state for each in ledger.posts.of(taken.file_id)}
    assert states[taken.post_id] is PostState.SENT
    assert ledger.posts.waiting(HOOK.webhook_id) == 2
    last = ledger.posts.last_closed(HOOK.webhook_id, NOON)
    assert last is not None
    assert last.post_id == taken.post_id
    assert ledger.posts.last_closed(HOOK.webhook_id, MONTH) is None


def test_what_waits_is_delayed_and_given_up_with_its_webhook(
    ledger: SqlLedger, clock: Clock
) -> None:
    ledger.webhooks.put(HOOK)
    planned(ledger, "1" * 24, "2" * 24)
    planned(ledger, "2" * 24)
    planned(ledger, "3" * 24, webhook_id="b" * 12)
    assert ledger.posts.waiting(HOOK.webhook_id) == 2, "to plan again is nothing new"
    ledger.posts.delay(HOOK.webhook_id, NOON + timedelta(hours=1))
    left = ledger.posts.claim("t", "w", 7200)
    assert left is not None
    assert left.webhook_id == "b" * 12
    assert ledger.posts.claim("t", "w", 60) is None
    clock.now += timedelta(hours=1)
    held = ledger.posts.claim("t", "w", 60)
    ledger.webhooks.disable(HOOK.webhook_id, "its server answered 410", HOOK.url)
    assert held is not None
    with pytest.raises(LeaseLostError):
        ledger.posts.close(held, PostState.SENT, "answered 200")
    assert ledger.posts.waiting(HOOK.webhook_id) == 0
    last = ledger.posts.last_closed(HOOK.webhook_id, NOON)
    assert last is not None
    assert (last.state, last.note) == (PostState.GIVEN_UP, "its server answered 410")


def test_no_link_is_kept_with_a_receipt(ledger: SqlLedger) -> None:
    planned(ledger, "1" * 24)
    with ledger.database.read() as connection:
        assert "s3cr3t" not in str(connection.execute(select(posts)).all())
    claimed = ledger.posts.claim("t", "w", 60)
    assert claimed is not None
    assert claimed.receipt.link is None
    assert claimed.receipt.link_until is None


def test_what_is_due_is_found_by_an_index(ledger: SqlLedger) -> None:
    if ledger.database.file is None:
        pytest.skip("PostgreSQL reads a small table whole")
    with ledger.database.read() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT post_id FROM posts WHERE state = 'waiting'"
                " AND feed = 't' AND next_at <= '2026' ORDER BY next_at"
            )
        )
        assert "posts_due" in str(plan.all())


def test_a_forgotten_file_takes_its_link_and_posts_along(ledger: SqlLedger) -> None:
    planned(ledger, "1" * 24)
    [file] = ledger.files.latest()
    ledger.receipt_links.mint({file.file_id: "1" * 32}, MONTH, HALF)
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE files SET status = 'done', in_force = false"))
    assert ledger.history.forget_files([file.file_id]) == 0, "its post is still to be sent"
    claimed = ledger.posts.claim("t", "w", 60)
    assert claimed is not None
    ledger.posts.close(claimed, PostState.SENT, "answered 200")
    assert ledger.history.forget_files([file.file_id]) == 1
    assert ledger.receipt_links.of(file.file_id) is None
    assert ledger.posts.of(file.file_id) == []
