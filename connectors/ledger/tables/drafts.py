"""Tables of drafts: rejected rows as somebody would correct them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from connectors.ledger.columns import AnyText, JsonText, UtcTime
from connectors.ledger.tables.conditions import DRAFTED
from connectors.ledger.tables.metadata import metadata

drafts = Table(
    "drafts",
    metadata,
    Column("draft_id", String(16), primary_key=True),
    Column("file_id", AnyText, nullable=False),
    Column("feed", AnyText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("checked", JsonText),
    Column("submitted_at", UtcTime),
    Column("submitted_by", AnyText),
    Column("role", String(16)),
    Index("drafts_open", "file_id", unique=True, sqlite_where=DRAFTED, postgresql_where=DRAFTED),
    Index("drafts_file", "file_id", "created_at"),
)

draft_cells = Table(
    "draft_cells",
    metadata,
    Column("draft_id", ForeignKey(drafts.c.draft_id), primary_key=True),
    # Of what it names: names of members and columns may be too long for an index.
    Column("cell_id", String(32), primary_key=True),
    Column("member", AnyText),
    Column("line", BigInteger, nullable=False),
    Column("column", AnyText, nullable=False),
    Column("value", AnyText, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("revision", Integer, nullable=False),
)
