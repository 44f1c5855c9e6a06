"""Uploads: who may put a file into the drop bucket, and under which key."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_TOKEN = re.compile(r"wb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_NO_SECRET = "0" * 64


class Refused(Exception):
    """What was asked for is not given; its text says why."""


def feeds_of(
    keys: Mapping[str, Any], authorization: str, now: datetime
) -> Mapping[str, str] | None:
    """The feeds that a bearer's key may send to, with the prefix of each; None for no valid key. It
    takes the same time whichever part of the key is wrong."""
    kind, _, token = authorization.partition(" ")
    found = _TOKEN.fullmatch(token.strip())
    if kind.lower() != "bearer" or found is None:
        return None
    key = keys.get(found[1])
    given = hashlib.sha256(found[2].encode()).hexdigest()
    is_right = hmac.compare_digest(given, key["sha256"] if key else _NO_SECRET)
    if not is_right or key is None:
        return None
    until = key.get("expires_at")
    if until is not None and datetime.fromisoformat(until).astimezone(UTC) <= now:
        return None
    feeds: Mapping[str, str] = key["feeds"]
    return feeds


def key_for(feeds: Mapping[str, str], asked: object) -> str:
    """The object's key for `{"feed": …, "name": …}`. Raises Refused."""
    if not isinstance(asked, dict):
        raise Refused('send {"feed": "orders", "name": "orders_2026-11-03.csv"}')
    feed, name = asked.get("feed"), asked.get("name")
    if not isinstance(feed, str) or feed not in feeds:
        raise Refused(f"this key may send to: {', '.join(sorted(feeds)) or 'no feed'}")
    is_name = isinstance(name, str) and _NAME.fullmatch(name) and not name.startswith(".")
    if not is_name or not str(name).isprintable():
        raise Refused("name is a file's name: no folders, no control characters, 200 at most")
    key = f"{feeds[feed]}{name}"
    if len(key.encode("utf-8", "replace")) > 1024:
        raise Refused("the name is too long")
    return key
