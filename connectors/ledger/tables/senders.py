"""Tables of what senders may do and are told."""

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
    DIGESTED,
    UNRELEASED,
)
from connectors.ledger.tables.files import files
from connectors.ledger.tables.metadata import metadata

holds = Table(
    "holds",
    metadata,
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("feed", AnyText, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("held_at", UtcTime, nullable=False),
    Column("released_at", UtcTime),
    Column("released_by", AnyText),
    Index("holds_open", "held_at", sqlite_where=UNRELEASED, postgresql_where=UNRELEASED),
)

admissions = Table(
    "admissions",
    metadata,
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("feed", AnyText, nullable=False),
    Column("sender", AnyText, nullable=False),
    Column("day", String(10), nullable=False),
    Column("size", BigInteger, nullable=False),
    Index("admissions_day", "feed", "sender", "day"),
)

replies = Table(
    "replies",
    metadata,
    Column("reply_id", String(24), primary_key=True),
    Column("message_id", AnyText, nullable=False),
    Column("file_id", ForeignKey(files.c.file_id), nullable=False),
    Column("feed", AnyText, nullable=False),
    Column("recipient", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("root", AnyText, nullable=False),
    Column("receipt", JsonText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("is_digest", Boolean, nullable=False),
    Column("planned_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("note", AnyText),
    Column("thread", AnyText),
    Index("replies_message", "message_id"),
    Index("replies_thread", "thread", "planned_at"),
    Index("replies_recipient", "recipient", "planned_at"),
    Index("replies_file", "file_id"),
    Index("replies_name", "feed", "recipient", "root", "planned_at"),
    Index(
        "replies_digest",
        "feed",
        "recipient",
        sqlite_where=DIGESTED,
        postgresql_where=DIGESTED,
    ),
)

sent_files = Table(
    "sent_files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("message_id", AnyText, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Index("sent_files_at", "sent_at"),
)
