"""The table of what is sent to us directly."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table

from connectors.ledger.columns import AnyText, UtcTime
from connectors.ledger.tables.metadata import metadata

uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", String(16), primary_key=True),
    Column("feed", AnyText),
    Column("name", AnyText, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("size", BigInteger),
    Column("sha256", String(64)),
    Column("state", String(16), nullable=False),
    Column("key_hash", String(64)),
    Column("multipart", AnyText),
    Column("file_id", AnyText),
    Column("created_at", UtcTime, nullable=False),
    # Rows without a key are all different.
    Index("uploads_key", "key_hash", unique=True),
    Index("uploads_state", "state", "created_at"),
)
