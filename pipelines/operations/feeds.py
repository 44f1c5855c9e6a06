"""Feeds: finding one by its name, whether it has stopped or waits, stopping it and letting it run
again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.feed import Feed
from pipelines.operations.acts import acting
from pipelines.quota import holding
from pipelines.runtime import Runtime
from schemas.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class FeedPause:
    """A feed that does not go on: it has stopped for a `reason`, or its prepared files wait
    `until` a moment (UTC)."""

    feed: str
    reason: str
    until: datetime | None = None


def feed_named(runtime: Runtime, name: str) -> Feed:
    """The feed of that name; raises NotFoundError."""
    if name not in runtime.feeds:
        raise NotFoundError(
            f"there is no feed {name}", hint=f"the feeds are {', '.join(runtime.feeds)}"
        )
    return runtime.feeds[name]


def feeds_named(runtime: Runtime, names: Sequence[str]) -> list[str]:
    """Those feeds, or all if none is named. Raises NotFoundError."""
    return [feed_named(runtime, name).name for name in names] or list(runtime.feeds)


def stopped_feeds(runtime: Runtime) -> list[FeedPause]:
    """The feeds that have stopped until somebody resumes them."""
    states = [runtime.ledger.feeds.state(name) for name in runtime.feeds]
    return [
        FeedPause(each.feed, each.reason or "nobody said why")
        for each in states
        if each.stopped_at is not None
    ]


def waiting_feeds(runtime: Runtime) -> list[FeedPause]:
    """The feeds whose prepared files wait, and until when."""
    names = [name for name in runtime.ledger.feeds.to_load() if name in runtime.feeds]
    return [found for name in names if (found := why_waiting(runtime, name)) is not None]


def why_waiting(runtime: Runtime, feed: str) -> FeedPause | None:
    """Until when prepared files of the feed wait, and why; None if they do not."""
    pause = holding(runtime, feed)
    return None if pause is None else FeedPause(feed, pause.reason, pause.until)


def stop(runtime: Runtime, name: str, reason: str) -> bool:
    """Let a feed look for no new files until somebody resumes it; whether it ran until now. Safe to
    repeat. Raises NotFoundError."""
    feed_named(runtime, name)
    with acting(runtime, "stop", "feed", name, name) as told:
        done = runtime.ledger.feeds.stop(name, reason)
        told.is_none = not done
        told.before, told.after = {"stopped": False}, {"stopped": True, "reason": reason}
    return done


def resume(runtime: Runtime, name: str) -> bool:
    """Let a stopped feed run again, and its command after a load, where that was given up; whether
    either was so. Safe to repeat. Raises NotFoundError."""
    feed_named(runtime, name)
    with acting(runtime, "resume", "feed", name, name) as told:
        was = runtime.ledger.feeds.state(name)
        done = runtime.ledger.feeds.resume(name)
        again = runtime.ledger.after_loads.reopen(name)
        told.is_none = not done and not again
        told.before = {"stopped": done, "reason": was.reason}
        told.after = {"stopped": False}
        if again:
            told.after["after_load"] = again
    return done or bool(again)
