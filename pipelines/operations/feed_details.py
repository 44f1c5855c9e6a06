"""Feed details: one feed with its state, its freshness, its counts by day and its contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.feed import Feed
from pipelines.monitor.freshness import Freshness, freshness_of
from pipelines.operations.contract_revisions import text_in_force
from pipelines.operations.explain import checks_of
from pipelines.operations.feeds import FeedPause, feed_named, why_waiting
from pipelines.runtime import Runtime
from schemas.contract import Column, Contract
from schemas.daily_count import DailyCount
from schemas.errors import ContractError, NotFoundError


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedDetails:
    """A feed, whether it has stopped or waits, and how fresh its table is."""

    feed: Feed
    table: str
    stopped_at: datetime | None
    stopped_why: str | None
    waits: FeedPause | None
    freshness: Freshness


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractInWords:
    """What files of a feed must be, in sentences, and the columns they bring."""

    contract: Contract
    columns: tuple[Column, ...]
    checks: tuple[str, ...]


def feed_details(runtime: Runtime, name: str) -> FeedDetails:
    """One feed. Raises NotFoundError."""
    feed = feed_named(runtime, name)
    state = runtime.ledger.feeds.state(name)
    return FeedDetails(
        feed=feed,
        table=runtime.warehouse.table_id(runtime.contract_of(feed)),
        stopped_at=state.stopped_at,
        stopped_why=state.reason if state.stopped_at is not None else None,
        waits=why_waiting(runtime, name),
        freshness=freshness_of(runtime, name),
    )


def daily_counts(runtime: Runtime, name: str, days: int) -> Sequence[DailyCount]:
    """What has ended on the last so many days (UTC), oldest first; a day on which nothing did is
    there with zeros. Raises NotFoundError."""
    feed_named(runtime, name)
    today = runtime.now().date()
    first = today - timedelta(days=days - 1)
    found = {each.day: each for each in runtime.ledger.daily_counts.of(name, first.isoformat())}
    wanted = ((first + timedelta(days=number)).isoformat() for number in range(days))
    return [found.get(day, DailyCount(feed=name, day=day)) for day in wanted]


def contract_text(runtime: Runtime, contracts: Path, name: str) -> str:
    """The text of a feed's contract (ODCS) that is in force. Raises NotFoundError."""
    try:
        return text_in_force(runtime, contracts, feed_named(runtime, name).contract)[0]
    except ContractError:
        raise NotFoundError(f"the contract of feed {name} cannot be read now") from None


def contract_in_words(runtime: Runtime, name: str) -> ContractInWords:
    """A feed's contract in sentences. Raises NotFoundError."""
    feed = feed_named(runtime, name)
    contract = runtime.contract_of(feed)
    return ContractInWords(
        contract=contract, columns=contract.file_columns, checks=checks_of(contract, feed.mode)
    )
