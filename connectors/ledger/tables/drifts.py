"""Tables of drift and of what no feed takes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime
from connectors.ledger.tables.conditions import (
    HELD,
)
from connectors.ledger.tables.files import files
from connectors.ledger.tables.metadata import metadata

drifts = Table(
    "drifts",
    metadata,
    Column("drift_id", String(8), primary_key=True),
    Column("feed", AnyText, nullable=False),
    Column("finding", JsonText, nullable=False),
    Column("status", String(16), nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("senders", BigInteger, nullable=False, server_default="0"),
    Index("drifts_feed", "feed", "status"),
)

drift_senders = Table(
    "drift_senders",
    metadata,
    Column("drift_id", ForeignKey(drifts.c.drift_id), primary_key=True),
    # Not the address itself, which the cleaning of files would not find: its hash.
    Column("sender", String(16), primary_key=True),
)

sightings = Table(
    "sightings",
    metadata,
    Column("drift_id", ForeignKey(drifts.c.drift_id), primary_key=True),
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("finding", JsonText, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Index("sightings_file", "file_id"),
    Index("sightings_held", "drift_id", sqlite_where=HELD, postgresql_where=HELD),
)

profiles = Table(
    "profiles",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("columns", JsonText, nullable=False),
    Index("profiles_newest", "feed", "at"),
)

unmatched = Table(
    "unmatched",
    metadata,
    Column("group_id", String(8), primary_key=True),
    Column("source", AnyText, nullable=False),
    Column("why", String(16), nullable=False),
    Column("shape", AnyText, nullable=False),
    Column("sender", AnyText),
    Column("feed", AnyText),
    Column("is_likely", Boolean, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("items", JsonText, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("dismissed_at", UtcTime),
    Column("dismissed_by", AnyText),
    Index("unmatched_source", "source", "shape"),
    Index("unmatched_seen", "last_seen"),
)
