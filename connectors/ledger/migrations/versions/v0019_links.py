"""Links to receipts, and webhooks with what is to be posted to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; a file gets its link when its sender is told next."""
    op.create_table(
        "receipt_links",
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("nonce", sa.String(32)),
        sa.Column("minted_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME),
        sa.Column("revoked_by", WORDS),
    )
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(12), primary_key=True),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("disabled_at", TIME),
        sa.Column("disabled_why", WORDS),
    )
    op.create_index("webhooks_subject", "webhooks", ["scope", "subject"], unique=True)
    op.create_table(
        "posts",
        sa.Column("post_id", sa.String(24), primary_key=True),
        sa.Column("webhook_id", sa.String(12), nullable=False),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), nullable=False),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("owner", WORDS),
        sa.Column("closed_at", TIME),
        sa.Column("note", WORDS),
    )
    op.create_index("posts_file", "posts", ["file_id"])
    op.create_index("posts_webhook", "posts", ["webhook_id", "planned_at"])
    waiting = sa.text("state = 'waiting'")
    for name, columns in (
        ("posts_due", ["feed", "next_at"]),
        ("posts_waiting", ["webhook_id", "next_at"]),
    ):
        op.create_index(name, "posts", columns, sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    """Forget them."""
    for table in ("posts", "webhooks", "receipt_links"):
        op.drop_table(table)
