"""The ledger's tables, as the newest migration leaves them.

No query may grow with history, so what is still owed is found through partial indexes. A database
uses a partial index only for a query that repeats its condition: `OWED`, `PREPARED`, `WAITING`,
`NOTED`, `OPEN` and the others are those conditions, written out because a bound parameter would
not match.
"""

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
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime

OWED = text("status <> 'done'")
PREPARED = text("status = 'prepared'")
WAITING = text("status IN ('discovered', 'preparing')")
GROUPED = text(
    "item_group IS NOT NULL AND status NOT IN ('done', 'failed', 'unloading', 'unloaded')"
)
NOTED = text("outcome <> 'accepted'")
OPEN = text("status = 'open'")
DONE = text("status = 'done'")
LANDED = text("landing_key IS NOT NULL")
BATCHED = text("batch_id IS NOT NULL")
SUPERSEDED = text("superseded_by IS NOT NULL")
REPEATS = text("repeats IS NOT NULL")
CORRECTING = text("corrects IS NOT NULL")
COVERED = text("covered AND landing_key IS NOT NULL")
HELD = text("is_held AND is_current")
IN_FORCE = text("in_force")
UNRESOLVED = text("resolved_at IS NULL")
RESOLVED = text("resolved_at IS NOT NULL")
UNRELEASED = text("released_at IS NULL")
DIGESTED = text("is_digest AND state IN ('waiting', 'planned')")

metadata = MetaData()

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
    Index("files_landing", "landing_key", sqlite_where=LANDED, postgresql_where=LANDED),
    Index("files_in_force", "feed", "sent_at", sqlite_where=IN_FORCE, postgresql_where=IN_FORCE),
)

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

generations = Table(
    "generations",
    metadata,
    Column("table_name", AnyText, primary_key=True),
    Column("drawn", BigInteger, nullable=False),
    Column("committed", BigInteger),
    Column("committed_at", UtcTime),
)

contents = Table(
    "contents",
    metadata,
    Column("feed", AnyText, primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("file_id", ForeignKey(files.c.file_id), nullable=False),
)

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
)

table_locks = Table(
    "table_locks",
    metadata,
    Column("table_name", AnyText, primary_key=True),
    Column("owner", AnyText, nullable=False),
    Column("until", UtcTime, nullable=False),
)

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
    Index("drifts_feed", "feed", "status"),
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

cleaned = Table(
    "cleaned",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("done_at", UtcTime, nullable=False),
    Column("file_id", AnyText, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(12), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("feed", AnyText),
    Column("summary", AnyText, nullable=False),
    Column("advice", AnyText, nullable=False),
    Column("summary_params", JsonText),
    Column("advice_params", JsonText),
    Column("opened_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
    Index(
        "alerts_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=UNRESOLVED,
        postgresql_where=UNRESOLVED,
    ),
    Index("alerts_newest", "opened_at"),
    Index("alerts_resolved", "resolved_at", sqlite_where=RESOLVED, postgresql_where=RESOLVED),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("alert_id", ForeignKey(alerts.c.alert_id), primary_key=True),
    Column("destination", AnyText, primary_key=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
)

workers = Table(
    "workers",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)

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

services = Table(
    "services",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("good_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("error", AnyText),
    Column("retry_at", UtcTime),
)

moves = Table(
    "moves",
    metadata,
    Column("file_id", ForeignKey(files.c.file_id), primary_key=True),
    Column("since", UtcTime, nullable=False),
    Index("moves_since", "since"),
)

sent_files = Table(
    "sent_files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("message_id", AnyText, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Index("sent_files_at", "sent_at"),
)
