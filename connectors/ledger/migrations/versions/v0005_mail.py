"""Files held for a person to decide, what senders have sent a day, and replies by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "holds",
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("held_at", TIME, nullable=False),
        sa.Column("released_at", TIME),
        sa.Column("released_by", WORDS),
    )
    _partial("holds_open", "holds", ["held_at"], "released_at IS NULL")
    op.create_table(
        "admissions",
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("sender", WORDS, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    op.create_index("admissions_day", "admissions", ["feed", "sender", "day"])
    op.create_table(
        "replies",
        sa.Column("reply_id", sa.String(24), primary_key=True),
        sa.Column("message_id", WORDS, nullable=False),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), nullable=False),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("recipient", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("root", WORDS, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_digest", sa.Boolean, nullable=False),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.Column("note", WORDS),
    )
    op.create_index("replies_message", "replies", ["message_id"])
    op.create_index("replies_file", "replies", ["file_id"])
    op.create_index("replies_name", "replies", ["feed", "recipient", "root", "planned_at"])
    _partial(
        "replies_digest",
        "replies",
        ["feed", "recipient"],
        "is_digest AND state IN ('waiting', 'planned')",
    )


def downgrade() -> None:
    """Forget them; files that are held are discovered anew, and judged by nobody."""
    op.execute("UPDATE files SET status = 'discovered' WHERE status = 'held'")
    for table in ("replies", "admissions", "holds"):
        op.drop_table(table)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    """An index of only those rows for which a condition holds."""
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
