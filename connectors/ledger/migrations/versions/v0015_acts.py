"""Acts, keys, long operations, counts by day, acknowledged alerts, and searching files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
_COUNTS = (
    "accepted", "partly", "quarantined", "left_out", "rows_read", "rows_loaded", "rows_rejected",
)  # fmt: skip
_NEVER = "acts are never changed"
_OF_SQLITE = """
CREATE TRIGGER acts_never_{what} BEFORE {what} ON acts BEGIN SELECT RAISE(ABORT, '{never}'); END
"""
_OF_POSTGRESQL = (
    "CREATE FUNCTION acts_never() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$BEGIN RAISE EXCEPTION '{_NEVER}'; END$$",
    "CREATE TRIGGER acts_never BEFORE UPDATE OR DELETE ON acts"
    " FOR EACH ROW EXECUTE FUNCTION acts_never()",
    "CREATE TRIGGER acts_never_all BEFORE TRUNCATE ON acts"
    " FOR EACH STATEMENT EXECUTE FUNCTION acts_never()",
)
_DAY = {
    "sqlite": "substr(done_at, 1, 10)",
    "postgresql": "to_char(done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
# Every file that is done is counted on the day on which its sender was told.
_COUNT = """
INSERT INTO daily_counts (feed, day, accepted, partly, quarantined, left_out,
    rows_read, rows_loaded, rows_rejected)
SELECT feed, {day},
    sum(CASE WHEN outcome = 'accepted' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome = 'partly' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome = 'quarantined' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome IN ('repeated', 'unchanged', 'superseded') THEN 1 ELSE 0 END),
    sum(rows_read), sum(rows_loaded), sum(rows_rejected)
FROM files WHERE status IN ('done', 'unloading') AND done_at IS NOT NULL
GROUP BY feed, {day}
"""


def upgrade() -> None:
    """Make the tables, and count what is done already."""
    dialect = op.get_bind().dialect.name
    _make_acts()
    for statement in _never_changed(dialect):
        op.execute(statement)
    _make_keys()
    _make_operations()
    op.create_table(
        "daily_counts",
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _COUNTS),
    )
    op.execute(_COUNT.format(day=_DAY[dialect]))
    for name, kind in (("at", TIME), ("by", WORDS), ("until", TIME)):
        op.add_column("alerts", sa.Column(f"acknowledged_{name}", kind))
    for name in ("name", "sender"):
        op.execute(
            f"CREATE INDEX files_{name}_start ON files (substr({name}, 1, 64), file_id, feed)"
        )


def downgrade() -> None:
    """Forget it all."""
    for name in ("name", "sender"):
        op.execute(f"DROP INDEX files_{name}_start")
    for name in ("until", "by", "at"):
        op.drop_column("alerts", f"acknowledged_{name}")
    for table in ("daily_counts", "operations", "keys", "acts"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION acts_never()")


def _never_changed(dialect: str) -> tuple[str, ...]:
    """What makes the database itself refuse to change an act."""
    if dialect == "postgresql":
        return _OF_POSTGRESQL
    return tuple(_OF_SQLITE.format(what=what, never=_NEVER) for what in ("UPDATE", "DELETE"))


def _make_acts() -> None:
    op.create_table(
        "acts",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("origin", WORDS),
        sa.Column("request_id", WORDS),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("phase", sa.String(8), nullable=False),
        sa.Column("about", sa.BigInteger),
        sa.Column("subject_kind", sa.String(16), nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("feed", WORDS),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("acts_feed", "acts", ["feed", "number"])
    op.create_index("acts_subject", "acts", ["subject", "number"])


def _make_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(12), primary_key=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("feeds", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("revoked_by", WORDS),
        sa.Column("last_used_at", TIME),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_failed_at", TIME),
    )


def _make_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("operation_id", sa.String(16), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("origin", WORDS),
        sa.Column("request_id", WORDS),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("owner", WORDS),
        sa.Column("lease_until", TIME),
        sa.Column("result", sa.Text()),
        sa.Column("error", WORDS),
        sa.Column("hint", WORDS),
    )
    op.create_index("operations_feed", "operations", ["feed", "created_at"])
    unfinished = sa.text("state IN ('waiting', 'running')")
    op.create_index(
        "operations_unfinished",
        "operations",
        ["created_at"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
