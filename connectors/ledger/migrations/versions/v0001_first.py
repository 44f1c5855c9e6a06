"""The first schema: files and their timelines, batches, contents, feeds and table locks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _batches()
    _files()
    _file_indexes()
    _events()
    op.create_table(
        "contents",
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), nullable=False),
    )
    op.create_table(
        "feeds",
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("cursor", WORDS),
        sa.Column("stopped_at", TIME),
        sa.Column("reason", WORDS),
        sa.Column("load_requested_at", TIME),
    )
    op.create_table(
        "table_locks",
        sa.Column("table_name", WORDS, primary_key=True),
        sa.Column("owner", WORDS, nullable=False),
        sa.Column("until", TIME, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables, and with them everything the ledger knew."""
    for table in ("table_locks", "feeds", "contents", "events", "files", "batches"):
        op.drop_table(table)


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(16), primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("rows", sa.BigInteger),
        sa.Column("rows_removed", sa.BigInteger),
    )
    _partial("batches_open", "batches", ["feed", "table_name"], "status = 'open'", unique=True)


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("file_id", WORDS, primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("sent_at", TIME, nullable=False),
        sa.Column("item_size", sa.BigInteger),
        sa.Column("sender", WORDS),
        sa.Column("item_group", WORDS),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("owner", WORDS),
        sa.Column("lease_until", TIME),
        sa.Column("retry_at", TIME),
        sa.Column("discovered_at", TIME, nullable=False),
        sa.Column("done_at", TIME),
        sa.Column("sha256", sa.String(64)),
        sa.Column("size", sa.BigInteger),
        sa.Column("landing_key", WORDS),
        sa.Column("staged_keys", sa.Text, nullable=False),
        sa.Column("rejects_key", WORDS),
        sa.Column("partitions", sa.Text, nullable=False),
        sa.Column("contract_version", WORDS),
        sa.Column("rows_read", sa.BigInteger, nullable=False),
        sa.Column("rows_loaded", sa.BigInteger, nullable=False),
        sa.Column("rows_rejected", sa.BigInteger, nullable=False),
        sa.Column("rows_dropped", sa.BigInteger, nullable=False),
        sa.Column("batch_id", sa.String(16), sa.ForeignKey("batches.batch_id")),
        sa.Column("repeats", WORDS),
        sa.Column("reason", WORDS),
        sa.UniqueConstraint("key", "version", "feed", name="files_item"),
        sa.CheckConstraint(
            "(owner IS NOT NULL) = (status IN ('preparing', 'acknowledging'))", name="files_held"
        ),
        sa.CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="files_lease"),
    )


def _file_indexes() -> None:
    op.create_index("files_name", "files", ["name"], postgresql_using="hash")
    op.create_index("files_newest", "files", ["discovered_at"])
    op.create_index("files_feed_newest", "files", ["feed", "discovered_at"])
    _partial("files_owed", "files", ["status", "discovered_at"], "status <> 'done'")
    _partial("files_noted", "files", ["outcome", "discovered_at"], "outcome <> 'accepted'")
    _partial("files_waiting", "files", ["feed"], "status IN ('discovered', 'preparing')")
    _partial("files_prepared", "files", ["feed", "sent_at"], "status = 'prepared'")
    _partial(
        "files_grouped",
        "files",
        ["source", "item_group"],
        "item_group IS NOT NULL AND status NOT IN ('done', 'failed')",
    )
    _partial("files_batch", "files", ["batch_id"], "batch_id IS NOT NULL")


def _events() -> None:
    op.create_table(
        "events",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("step", WORDS, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("rows", sa.BigInteger),
        sa.Column("message", WORDS),
    )
    op.create_index("events_file", "events", ["file_id", "event_id"])
    op.create_index("events_at", "events", ["at"])


def _partial(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    """An index of only those rows for which a condition holds."""
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
