"""Rehearse: everything that the feeds can ask of the warehouse, tried there without being run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.protocols import Checked
from pipelines.runtime import Runtime
from schemas.errors import WaybillError


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """A statement of a feed, as it was tried."""

    feed: str
    statement: Checked


def rehearse(runtime: Runtime) -> Iterator[Rehearsed]:
    """Every statement of every feed, tried. What keeps a feed's statements from being tried at all
    is one more that has failed."""
    for name, feed in runtime.feeds.items():
        try:
            with runtime.warehouse.statements(runtime.contract_of(feed), feed.mode) as tried:
                for statement in tried:
                    yield Rehearsed(feed=name, statement=statement)
        except WaybillError as error:
            failed = Checked(what="begin", sql="", error=error.message, todo=error.hint)
            yield Rehearsed(feed=name, statement=failed)
