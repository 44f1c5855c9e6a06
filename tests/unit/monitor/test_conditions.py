"""What counts as trouble, and how news of it read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.alerts.webhook import chat_text
from pipelines.failure import stopped_feed
from pipelines.monitor.alerts import news_of
from pipelines.monitor.conditions import dead, quota, replaced
from schemas.alert import Alert, AlertKind, Trouble, Worker
from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.limits import Quotas
from schemas.odcs.reader import read_contract
from schemas.quota import Pause, Spent
from small_service import CONTRACT

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=90)


def worker(name: str, started: float, seen: float) -> Worker:
    """Times in seconds before now."""
    ago = [NOW - timedelta(seconds=each) for each in (started, seen)]
    return Worker(name=name, started_at=ago[0], seen_at=ago[1])


def test_a_silent_worker_is_dead_until_another_takes_its_place() -> None:
    silent, busy = worker("a", 9000, 300), worker("b", 9000, 30)
    assert [each.subject for each in dead([silent, busy], NOW, PATIENCE)] == ["a"]
    heir = worker("c", 200, 5)
    assert list(dead([silent, busy, heir], NOW, PATIENCE)) == []
    assert replaced([silent, busy, heir], NOW, PATIENCE) == ["a"]


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=8).map(
        lambda times: [worker(str(n), max(t), min(t)) for n, t in enumerate(times)]
    )
)
def test_every_dead_worker_needs_an_heir_of_its_own(workers: list[Worker]) -> None:
    silent = {each.name for each in workers if NOW - each.seen_at > PATIENCE}
    gone = replaced(workers, NOW, PATIENCE)
    left = {each.subject for each in dead(workers, NOW, PATIENCE)}
    assert silent == left | set(gone)
    assert not left & set(gone)
    assert len(gone) <= len(workers) - len(silent)


def test_the_scarcest_quota_is_the_one_that_counts() -> None:
    quotas = Quotas(table_load_jobs=1000, partition_changes=1000, share=0.5)
    quiet = Spent(load_jobs=399, partitions=10)
    assert list(quota("t", quotas, quiet, None, 0.8)) == []
    (near,) = quota("t", quotas, Spent(load_jobs=400, partitions=10), None, 0.8)
    assert "400 of the table's 500 load jobs" in near.says
    pause = Pause(until=NOW, reason="quotaExceeded")
    (asked,) = quota("t", quotas, quiet, pause, 0.8)
    assert "quotaExceeded" in asked.says


def alert(number: int, says: str, *, over: bool = False) -> Alert:
    trouble = Trouble(kind=AlertKind.QUARANTINED, subject=str(number), says=says, todo="look")
    return Alert(
        alert_id=f"{number:012}",
        trouble=trouble,
        opened_at=NOW,
        resolved_at=NOW if over else None,
    )


def test_many_alerts_are_one_message_that_counts_them() -> None:
    some = [alert(n, f"file {n}") for n in range(500)] + [alert(999, "old", over=True)]
    news = news_of(some)
    assert news.title == "Waybill: 500 new, 1 resolved alerts"
    assert "… and 480 more" in news.text
    assert news.text.index("RESOLVED") < news.text.index("- old")
    assert len(news.text.splitlines()) < 60
    assert news_of(some).news_id == news.news_id != news_of(some[1:]).news_id


def test_names_from_strangers_neither_break_lines_nor_call_anybody() -> None:
    hostile = "a\r\nNEW\x1b[31m <!channel> @here & ops@example.com <https://evil.example|click>"
    news = news_of([alert(1, hostile)])
    assert not [line for line in news.text.splitlines() if line.startswith("NEW") and line != "NEW"]
    assert "\x1b" not in news.text
    text = chat_text(news)
    assert "<" not in text
    assert "@here" not in text
    assert "ops@example.com" in text


def test_a_stopped_feed_says_what_to_do_and_how_to_go_on() -> None:
    found = stopped_feed("orders", "no access", "ask for the role")
    assert found.todo == "ask for the role; then: waybill resume orders"


CALENDAR = """
  - property: frequency
    value: 1
    unit: d
    scheduler: cron
    schedule: %s
    customProperties:
      - {property: timezone, value: %s}
      - {property: holidays, value: %s}
      - {property: closed, value: [%s]}
      - {property: graceMinutes, value: %s}
"""


def contract(folder: Path, text: str) -> Contract:
    path = folder / "sales.odcs.yaml"
    path.write_text(CONTRACT + "slaProperties:\n" + text)
    found = read_contract(path)
    assert isinstance(found, Contract)
    return found


def test_a_contract_promises_freshness_and_a_calendar(tmp_path: Path) -> None:
    calendar = CALENDAR % ('"0 9 * * 1-5"', "Europe/Madrid", "ES-MD", "2026-12-24", 90)
    more = "  - {property: retention, value: 3, unit: y}\n"
    sla = contract(tmp_path, "  - {property: freshness, value: 1.5, unit: h}" + calendar + more).sla
    assert sla.max_age == timedelta(minutes=90)
    assert sla.calendar is not None
    assert sla.calendar.grace == timedelta(minutes=90)
    assert (sla.calendar.holidays, len(sla.calendar.closed)) == ("ES-MD", 1)


@pytest.mark.parametrize("element", ["sales", "Sales.DAY", "sales.day, sales"])
def test_a_promise_may_name_the_table_or_its_partitions(tmp_path: Path, element: str) -> None:
    text = f'  - {{property: freshness, value: 2, unit: h, element: "{element}"}}\n'
    assert contract(tmp_path, text).sla.max_age == timedelta(hours=2)
    assert contract(tmp_path, FRESH + f'slaDefaultElement: "{element}"\n').sla.max_age


FRESH = "  - {property: freshness, value: 2, unit: h}\n"


@pytest.mark.parametrize(
    ("text", "said", "stands_in"),
    [
        (
            FRESH.replace("}", ", element: sales.amount}"),
            "write sales or sales.day",
            "sales.amount",
        ),
        (FRESH.replace("}", ", element: 'sales, orders'}"), '"orders" is not what', "orders"),
        (FRESH + "slaDefaultElement: orders.day", '"orders.day" is not what', "orders.day"),
        (
            CALENDAR % ('"0 9 * * *"', "UTC", "ES", "", 60) + "    element: orders",
            '"orders"',
            "orders",
        ),
        ("  - {property: freshness, value: soon, unit: h}", '"soon" is not a number', "soon"),
        ("  - {property: freshness, value: .nan, unit: h}", "is not a number", ".nan"),
        ("  - {property: freshness, value: 2, unit: week}", "needs a unit", "week"),
        (CALENDAR % ('"0 9 * *"', "UTC", "ES", "", 60), "five fields", "0 9"),
        (CALENDAR % ('"0 9 30 2 *"', "UTC", "ES", "", 60), "five fields", "30 2"),
        (CALENDAR % ('"0 9 * * *"', "Madird", "ES", "", 60), "Madird", "Madird"),
        (CALENDAR % ('"0 9 * * *"', "UTC", "XX", "", 60), 'holidays of "XX"', "XX"),
        (CALENDAR % ('"0 9 * * *"', "UTC", "ES", "24.12.", 60), '"24.12." is no day', "24.12."),
        (CALENDAR % ('"0 9 * * *"', "UTC", "ES", "", -1), '"-1" is not a number', "-1"),
    ],
)
def test_a_wrong_promise_is_named_with_its_line(
    tmp_path: Path, text: str, said: str, stands_in: str
) -> None:
    with pytest.raises(ContractError) as error:
        contract(tmp_path, text.strip("\n"))
    assert said in error.value.message
    line = int(error.value.message.split(":")[1])
    assert stands_in in (tmp_path / "sales.odcs.yaml").read_text().splitlines()[line - 1]
