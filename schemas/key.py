"""A key: what a program shows to be let in, and what it may do then."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_TOKEN = re.compile(r"wb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Role(StrEnum):
    """What the holder of a key may do; each may all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    STEWARD = "steward"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role may do what needs that one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key without its secret. `feeds` are globs of the feeds that it may see; without
    `expires_at` it does not expire. `failures` counts how often its id was shown with another
    secret."""

    key_id: str
    name: str
    role: Role
    feeds: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None
    failures: int = 0
    last_failed_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it lets anybody in now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def token_of(key_id: str, secret: str) -> str:
    """What a program shows: `wb_<id>_<secret>`."""
    return f"wb_{key_id}_{secret}"


def parts_of(token: str) -> tuple[str, str] | None:
    """The id and the secret of a token; None for what is none."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found is not None else None


def sha256_of(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so that one round is enough."""
    return hashlib.sha256(secret.encode("ascii", "replace")).hexdigest()
