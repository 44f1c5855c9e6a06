"""Unmatched: what no feed takes, and what people have decided about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipelines.operations.acts import acting
from pipelines.runtime import Runtime
from schemas.errors import ConfigError, NotFoundError
from schemas.unmatched import Unmatched


def listed(
    runtime: Runtime, source: str | None = None, *, dismissed: bool = False
) -> Sequence[Unmatched]:
    """What no feed takes, the latest first; with `dismissed` what was put away. Raises ConfigError
    for a source that there is not."""
    if source is not None and source not in runtime.sources:
        raise ConfigError(
            f"there is no source {source}", hint=f"the sources are {', '.join(runtime.sources)}"
        )
    return runtime.ledger.unmatched.latest(source, dismissed=dismissed)


def decide(runtime: Runtime, group_ids: Collection[str], who: str | None) -> list[Unmatched]:
    """Put groups away, in the name of somebody, or with None take them back. Raises NotFoundError,
    and does nothing, if there is one that nobody knows."""
    ledger = runtime.ledger
    known = {
        each.group_id for kind in (False, True) for each in ledger.unmatched.latest(dismissed=kind)
    }
    if odd := [each for each in group_ids if each not in known]:
        raise NotFoundError(f"nothing unmatched has the id {' or '.join(odd)}")
    action = "restore" if who is None else "dismiss"
    found = []
    for each in dict.fromkeys(group_ids):
        with acting(runtime, action, "unmatched", each) as told:
            found.append(ledger.unmatched.dismiss(each, who))
            told.after = {"dismissed_by": who}
    return found
