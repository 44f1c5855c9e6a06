"""Tables of feeds and of the warehouse's tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, UtcTime
from connectors.ledger.tables.files import files
from connectors.ledger.tables.metadata import metadata

feeds = Table(
    "feeds",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("cursor", AnyText),
    Column("stopped_at", UtcTime),
    Column("reason", AnyText),
    Column("load_requested_at", UtcTime),
    Column("watched_since", UtcTime),
    Column("matched", AnyText),
    Column("listed_at", UtcTime),
)

table_locks = Table(
    "table_locks",
    metadata,
    Column("table_name", AnyText, primary_key=True),
    Column("owner", AnyText, nullable=False),
    Column("until", UtcTime, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("table_name", AnyText, primary_key=True),
    Column("drawn", BigInteger, nullable=False),
    Column("committed", BigInteger),
    Column("committed_at", UtcTime),
)

cleaned = Table(
    "cleaned",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("done_at", UtcTime, nullable=False),
    Column("file_id", AnyText, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("since", UtcTime, nullable=False),
    Index("moves_since", "since"),
)
