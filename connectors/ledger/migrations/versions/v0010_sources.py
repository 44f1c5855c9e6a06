"""What no feed takes, how sources and mail servers answer, moves that wait, and what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; replies sent before are of no thread."""
    op.create_table(
        "unmatched",
        sa.Column("group_id", sa.String(8), primary_key=True),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("shape", WORDS, nullable=False),
        sa.Column("sender", WORDS),
        sa.Column("feed", WORDS),
        sa.Column("is_likely", sa.Boolean, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("dismissed_at", TIME),
        sa.Column("dismissed_by", WORDS),
    )
    op.create_index("unmatched_source", "unmatched", ["source", "shape"])
    op.create_index("unmatched_seen", "unmatched", ["last_seen"])
    op.create_table(
        "services",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("good_at", TIME),
        sa.Column("failing_since", TIME),
        sa.Column("error", WORDS),
        sa.Column("retry_at", TIME),
    )
    op.create_table(
        "moves",
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("since", TIME, nullable=False),
    )
    op.create_index("moves_since", "moves", ["since"])
    op.create_table(
        "sent_files",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("message_id", WORDS, nullable=False),
        sa.Column("sent_at", TIME, nullable=False),
    )
    op.create_index("sent_files_at", "sent_files", ["sent_at"])
    op.add_column("replies", sa.Column("thread", WORDS))
    op.create_index("replies_thread", "replies", ["thread", "planned_at"])
    op.create_index("replies_recipient", "replies", ["recipient", "planned_at"])
    op.add_column("feeds", sa.Column("matched", WORDS))


def downgrade() -> None:
    """Forget it all."""
    op.drop_column("feeds", "matched")
    op.drop_index("replies_recipient", "replies")
    op.drop_index("replies_thread", "replies")
    op.drop_column("replies", "thread")
    for table in ("sent_files", "moves", "services", "unmatched"):
        op.drop_table(table)
