"""Shared objects: feeds of one source that take the same files, as far as their globs tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

from connectors.glob_overlap import common_key
from connectors.protocols import Source, Surveyed
from pipelines.discover.taking import takes
from pipelines.feed import Feed
from pipelines.runtime import Runtime
from schemas.item import Item


@dataclass(frozen=True, slots=True)
class SharedObjects:
    """Two feeds of a source that both take objects such as `example`."""

    source: str
    feeds: tuple[str, str]
    example: str

    def render(self) -> str:
        """What that means, in a sentence."""
        one, other = self.feeds
        return (
            f"feeds {one} and {other} both take objects of source {self.source} such as"
            f" {self.example}: each loads it, and leaves receipts with its name,"
            f" {self.example}.{one}.receipt.txt; if that is not meant, narrow `match` or set"
            " `exclude`"
        )


def shared_objects(runtime: Runtime) -> Iterator[SharedObjects]:
    """Each pair of feeds that read one source and take the same objects. Attachments of mails are
    left out: each is answered by a reply of its own. Nothing is connected to."""
    for one, other in combinations(runtime.feeds.values(), 2):
        if one.source != other.source or not isinstance(runtime.sources[one.source], Surveyed):
            continue
        example = _example(runtime.sources[one.source], one, other)
        if example is not None:
            yield SharedObjects(one.source, (one.name, other.name), example)


def _example(source: Source, one: Feed, other: Feed) -> str | None:
    key = common_key(one.match, other.match)
    if key is None:
        return None
    name = key.rpartition("/")[2]
    item = Item(key=key, version="", name=name, sent_at=datetime(2026, 1, 1, tzinfo=UTC))
    return key if takes(one, source, item) and takes(other, source, item) else None
