"""Tables of files: on their way, in batches, and what happened to them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    func,
    literal_column,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime
from connectors.ledger.tables.conditions import (
    BATCHED,
    BUNDLED,
    CORRECTING,
    COVERED,
    DONE,
    GROUPED,
    IN_FORCE,
    LANDED,
    NOTED,
    OPEN,
    OWED,
    PREPARED,
    REPEATS,
    SUPERSEDED,
    WAITING,
)
from connectors.ledger.tables.metadata import metadata

batches = Table(
    "batches",
    metadata,
    Column("batch_id", String(16), primary_key=True),
    Column("feed", AnyText, nullable=False),
    Column("table_name", AnyText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("kind", String(16), nullable=False, server_default="load"),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("rows", BigInteger),
    Column("rows_removed", BigInteger),
    Column("generation", BigInteger),
    Index(
        "batches_open",
        "feed",
        "table_name",
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    ),
    Index("batches_finished", "feed", "finished_at"),
)

files = Table(
    "files",
    metadata,
    Column("file_id", AnyText, primary_key=True),
    Column("feed", AnyText, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("key", AnyText, nullable=False),
    Column("version", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("item_size", BigInteger),
    Column("sender", AnyText),
    Column("item_group", AnyText),
    Column("detail", JsonText, nullable=False),
    Column("status", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("owner", AnyText),
    Column("lease_until", UtcTime),
    Column("retry_at", UtcTime),
    Column("discovered_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Column("sha256", String(64)),
    Column("size", BigInteger),
    Column("landing_key", AnyText),
    Column("staged_keys", JsonText, nullable=False),
    Column("rejects_key", AnyText),
    Column("partitions", JsonText, nullable=False),
    Column("contract_version", AnyText),
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_loaded", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("rows_dropped", BigInteger, nullable=False),
    Column("rows_aggregated", BigInteger, nullable=False, server_default="0"),
    Column("accounted", JsonText),
    Column("batch_id", ForeignKey(batches.c.batch_id)),
    Column("repeats", AnyText),
    Column("reason", AnyText),
    Column("reason_params", JsonText),
    Column("in_force", Boolean, nullable=False, server_default=false()),
    Column("superseded_by", AnyText),
    Column("placed_at", UtcTime),
    Column("quiet", Boolean, nullable=False, server_default=false()),
    Column("covered", Boolean, nullable=False, server_default=false()),
    Column("may_lose", Boolean, nullable=False, server_default=false()),
    Column("corrects", AnyText),
    Column("rows_corrected", BigInteger, nullable=False, server_default="0"),
    Column("staged_bytes", BigInteger),
    Column("bundle", AnyText),
    UniqueConstraint("key", "version", "feed", name="files_item"),
    CheckConstraint(
        "(owner IS NOT NULL) = (status IN ('preparing', 'acknowledging'))", name="files_held"
    ),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="files_lease"),
    Index("files_name", "name", postgresql_using="hash"),
    Index("files_newest", "discovered_at"),
    Index("files_feed_newest", "feed", "discovered_at"),
    Index("files_owed", "status", "discovered_at", sqlite_where=OWED, postgresql_where=OWED),
    Index("files_noted", "outcome", "discovered_at", sqlite_where=NOTED, postgresql_where=NOTED),
    Index("files_waiting", "feed", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("files_prepared", "feed", "sent_at", sqlite_where=PREPARED, postgresql_where=PREPARED),
    Index("files_grouped", "source", "item_group", sqlite_where=GROUPED, postgresql_where=GROUPED),
    Index("files_batch", "batch_id", sqlite_where=BATCHED, postgresql_where=BATCHED),
    Index(
        "files_superseded",
        "superseded_by",
        sqlite_where=SUPERSEDED,
        postgresql_where=SUPERSEDED,
    ),
    Index("files_repeats", "repeats", sqlite_where=REPEATS, postgresql_where=REPEATS),
    Index("files_corrects", "corrects", sqlite_where=CORRECTING, postgresql_where=CORRECTING),
    Index("files_covered", "done_at", "file_id", sqlite_where=COVERED, postgresql_where=COVERED),
    Index("files_done", "done_at", "file_id", sqlite_where=DONE, postgresql_where=DONE),
    Index("files_bundle", "bundle", sqlite_where=BUNDLED, postgresql_where=BUNDLED),
    Index("files_landing", "landing_key", sqlite_where=LANDED, postgresql_where=LANDED),
    Index("files_in_force", "feed", "sent_at", sqlite_where=IN_FORCE, postgresql_where=IN_FORCE),
)

# Names and senders come from strangers and may be too long for an index: beginnings are enough.
NAME_START = func.substr(files.c.name, literal_column("1"), literal_column("64"))
SENDER_START = func.substr(files.c.sender, literal_column("1"), literal_column("64"))
# The feed stands last: the questions about all of a feed have indexes of their own.
Index("files_name_start", NAME_START, files.c.file_id, files.c.feed)
Index("files_sender_start", SENDER_START, files.c.file_id, files.c.feed)

events = Table(
    "events",
    metadata,
    Column(
        "event_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("file_id", ForeignKey(files.c.file_id), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("step", AnyText, nullable=False),
    Column("outcome", AnyText, nullable=False),
    Column("seconds", Float),
    Column("rows", BigInteger),
    Column("message", AnyText),
    Index("events_file", "file_id", "event_id"),
    Index("events_at", "at"),
)

contents = Table(
    "contents",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("file_id", ForeignKey(files.c.file_id), nullable=False),
)
