"""Tables of what loading uses."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, UtcTime
from connectors.ledger.tables.metadata import metadata

charges = Table(
    "charges",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("table_name", AnyText, nullable=False),
    Column("day", String(10), nullable=False),
    Column("load_jobs", Integer, nullable=False),
    Column("partitions", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("charges_day", "day", "table_name"),
    Index("charges_at", "at", "table_name"),
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("at", UtcTime, nullable=False),
)

costs = Table(
    "costs",
    metadata,
    Column("job_id", AnyText, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("command", AnyText, nullable=False),
    Column("feed", AnyText),
    Column("table_name", AnyText),
    Column("batch_id", String(16)),
    Column("bytes_billed", BigInteger, nullable=False),
    Index("costs_at", "at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("table_name", AnyText, primary_key=True),
    Column("until", UtcTime, nullable=False),
    Column("reason", AnyText, nullable=False),
)
