"""Tables of who may do what, of what they did, of long work, and of counts by day."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime, counters
from connectors.ledger.tables.conditions import UNFINISHED
from connectors.ledger.tables.metadata import metadata

acts = Table(
    "acts",
    metadata,
    # Given by hand, one after the other: a gap would be a lost act.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("via", String(16), nullable=False),
    Column("origin", AnyText),
    Column("request_id", AnyText),
    Column("action", String(32), nullable=False),
    Column("phase", String(8), nullable=False),
    Column("about", BigInteger),
    Column("subject_kind", String(16), nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("feed", AnyText),
    Column("before", JsonText),
    Column("after", JsonText),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("acts_feed", "feed", "number"),
    Index("acts_subject", "subject", "number"),
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("feeds", JsonText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", AnyText, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("revoked_by", AnyText),
    Column("last_used_at", UtcTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("last_failed_at", UtcTime),
)

operations = Table(
    "operations",
    metadata,
    Column("operation_id", String(16), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("feed", AnyText, nullable=False),
    Column("request", JsonText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("who", AnyText, nullable=False),
    Column("via", String(16), nullable=False),
    Column("origin", AnyText),
    Column("request_id", AnyText),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("owner", AnyText),
    Column("lease_until", UtcTime),
    Column("result", JsonText),
    Column("error", AnyText),
    Column("hint", AnyText),
    Index("operations_feed", "feed", "created_at"),
    Index(
        "operations_unfinished",
        "created_at",
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    ),
)

daily_counts = Table(
    "daily_counts",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("day", String(10), primary_key=True),
    *counters(
        "accepted",
        "partly",
        "quarantined",
        "left_out",
        "rows_read",
        "rows_loaded",
        "rows_rejected",
    ),
    Index("daily_counts_day", "day"),
)
