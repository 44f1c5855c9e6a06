"""An act: one change that somebody made, as it is kept for good."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

BEGINNING = "0" * 64
"""What stands before the first act."""


class Phase(StrEnum):
    """Whether an act is done with this row, is only begun, or how one that was begun has ended."""

    DONE = "done"
    BEGUN = "begun"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who acts: a person or a key by name, through what (`cli`, `api`, `console`, `mcp`,
    `link`, `service`), from where, and in which request."""

    who: str
    via: str
    origin: str | None = None
    request_id: str | None = None


SERVICE = Actor(who="waybill", via="service")
"""Waybill itself: nobody asked for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Who did what to what, when and from where, and how that was before and after.

    `subject_kind` is `file`, `feed`, `drift`, `alert`, `key`, … What happens outside the ledger has
    two acts: one BEGUN before it, and one ENDED or FAILED, which is `about` the number of the
    first. `hash` is made of all the others and of `previous`, the hash of the act before: none can
    be changed or taken out unseen.
    """

    action: str
    subject_kind: str
    subject: str
    actor: Actor
    feed: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    phase: Phase = Phase.DONE
    about: int | None = None
    number: int = 0
    at: datetime | None = None
    previous: str = BEGINNING
    hash: str = ""

    def hashed(self) -> str:
        """The hash that this act must have."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds") if self.at else None
        actor = self.actor
        facts = [
            self.previous, self.number, at, actor.who, actor.via, actor.origin, actor.request_id,
            self.action, self.phase, self.about, self.subject_kind, self.subject, self.feed,
            self.before, self.after,
        ]  # fmt: skip
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()
