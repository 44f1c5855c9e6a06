"""Drafts: corrections of rejected rows while they are being written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drafts",
        sa.Column("draft_id", sa.String(16), primary_key=True),
        sa.Column("file_id", WORDS, nullable=False),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("checked", sa.Text()),
        sa.Column("submitted_at", TIME),
        sa.Column("submitted_by", WORDS),
        sa.Column("role", sa.String(16)),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "drafts_open",
        "drafts",
        ["file_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("drafts_file", "drafts", ["file_id", "created_at"])
    op.create_table(
        "draft_cells",
        sa.Column("draft_id", sa.String(16), sa.ForeignKey("drafts.draft_id"), primary_key=True),
        sa.Column("cell_id", sa.String(32), primary_key=True),
        sa.Column("member", WORDS),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("column", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Forget it all."""
    op.drop_table("draft_cells")
    op.drop_table("drafts")
