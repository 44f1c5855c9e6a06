"""Storage keys: where everything of ours lies in storage, made and read here alone.

An object is only ever created. So that no key meets another content, raw bytes and rows that come
back lie under their own hash, and what an attempt stages under the token of its lease.
"""

from __future__ import annotations

import hashlib

LANDING, STAGED, AGAIN, BUNDLES = "landing", "staged", "again", "bundles"
UPLOADED = "uploads"


def landing(sha256: str) -> str:
    """Raw bytes, for good."""
    return f"{LANDING}/{sha256[:2]}/{sha256}"


def uploaded(upload_id: str) -> str:
    """What somebody has sent, until it is landed."""
    return f"{UPLOADED}/{upload_id}"


def staged_of(feed: str, file_id: str) -> str:
    """The folder of all that was ever staged of a file."""
    return f"{STAGED}/{feed}/{file_id}"


def staged_by(feed: str, file_id: str, attempt: int, lease: str | None) -> str:
    """The folder of one attempt. The lease's token tells it from one of the same number before a
    ledger was restored."""
    token = f"-{hashlib.sha256(lease.encode()).hexdigest()[:8]}" if lease else ""
    return f"{staged_of(feed, file_id)}/{attempt}{token}"


def attempt_of(key: str) -> int | None:
    """The attempt that staged an object; None if no attempt did."""
    number = key.split("/")[3].partition("-")[0] if key.count("/") > 3 else ""
    return int(number) if number.isdecimal() else None


def bundle(feed: str, name: str) -> str:
    """The folder of what several small files have staged together."""
    return f"{BUNDLES}/{feed}/{name}"


def bundle_name(day: str, lease: str) -> str:
    """A bundle's name: the day it was staged on (`YYYYMMDD`), and the token of the lease."""
    return f"{day}-{hashlib.sha256(lease.encode()).hexdigest()[:16]}"


def bundle_of(key: str) -> str:
    """The bundle of an object below `BUNDLES`, which begins with its day."""
    return key.split("/")[2]


def is_shared(key: str) -> bool:
    """Whether rows of several files lie in an object."""
    return key.startswith(f"{BUNDLES}/")


def rows(attempt: str) -> str:
    """The good rows of a file that was staged in one piece."""
    return f"{attempt}/rows.parquet"


def rejects(attempt: str) -> str:
    """The bad rows of a file."""
    return f"{attempt}/rejects.parquet"


def plan(attempt: str) -> str:
    """How a large file is cut into parts."""
    return f"{attempt}/parts/plan.json"


def taken(attempt: str, part: int) -> str:
    """That somebody does a part."""
    return f"{attempt}/parts/{part}.taken"


def found(attempt: str, part: int) -> str:
    """What was found in a part."""
    return f"{attempt}/parts/{part}.json"


def of_part(attempt: str, name: str, part: int, token: str) -> str:
    """The rows or rejects of a part, by whoever did it."""
    return f"{attempt}/{name}-{part:03}-{token}.parquet"


def again(batch_id: str, file_id: str, digest: str) -> str:
    """Rows that come back with a batch, as their bytes are."""
    return f"{AGAIN}/{batch_id}/{file_id}-{digest[:16]}.parquet"


def batch_of(key: str) -> str:
    """The batch with which rows come back."""
    return key.split("/")[1]


def in_bucket(table: str) -> str:
    """Where the rows of a staging table wait in the warehouse's own bucket."""
    return f"{table.rpartition('.')[2]}.parquet"
