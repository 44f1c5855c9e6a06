"""Tables of what senders may do and are told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime, counters, owed
from connectors.ledger.tables.conditions import (
    DIGESTED,
    UNPOSTED,
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

template_mails = Table(
    "template_mails",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("recipient", AnyText, primary_key=True),
    Column("reply_id", String(24), nullable=False),
    Column("noted_at", UtcTime, nullable=False),
)

sent_files = Table(
    "sent_files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("message_id", AnyText, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Index("sent_files_at", "sent_at"),
)

receipt_links = Table(
    "receipt_links",
    metadata,
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("nonce", String(32)),
    Column("minted_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", AnyText),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(12), primary_key=True),
    Column("scope", String(8), nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("url", AnyText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", AnyText, nullable=False),
    Column("disabled_at", UtcTime),
    Column("disabled_why", AnyText),
    Index("webhooks_subject", "scope", "subject", unique=True),
)

posts = Table(
    "posts",
    metadata,
    Column("post_id", String(24), primary_key=True),
    Column("webhook_id", String(12), nullable=False),
    Column("file_id", ForeignKey(files.c.file_id), nullable=False),
    Column("feed", AnyText, nullable=False),
    Column("receipt", JsonText, nullable=False),
    *owed(),
    Index("posts_file", "file_id"),
    Index("posts_webhook", "webhook_id", "planned_at"),
    Index(
        "posts_waiting", "webhook_id", "next_at", sqlite_where=UNPOSTED, postgresql_where=UNPOSTED
    ),
    Index("posts_due", "feed", "next_at", sqlite_where=UNPOSTED, postgresql_where=UNPOSTED),
)

trusted_senders = Table(
    "trusted_senders",
    metadata,
    Column("sender", AnyText, primary_key=True),
    Column("feed", AnyText, primary_key=True),
    Column("address", AnyText, nullable=False),
    Column("trusted_at", UtcTime, nullable=False),
    Column("trusted_by", AnyText, nullable=False),
)

sender_counts = Table(
    "sender_counts",
    metadata,
    Column("sender", AnyText, primary_key=True),
    Column("feed", AnyText, primary_key=True),
    Column("first_sent", UtcTime, nullable=False),
    Column("last_sent", UtcTime, nullable=False),
    Column("last_day", String(10), nullable=False),
    *counters(
        "days",
        "accepted",
        "partly",
        "quarantined",
        "left_out",
        "rows_read",
        "rows_loaded",
    ),
)
