"""Drift: what differs between files and contracts, in which files, and what columns looked like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002d"
down_revision: str | None = "0003v"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
HELD = sa.text("is_held AND is_current")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drifts",
        sa.Column("drift_id", sa.String(8), primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("finding", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
    )
    op.create_index("drifts_feed", "drifts", ["feed", "status"])
    op.create_table(
        "sightings",
        sa.Column("drift_id", sa.String(8), sa.ForeignKey("drifts.drift_id"), primary_key=True),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("finding", sa.Text, nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
        sa.Column("is_current", sa.Boolean, nullable=False),
    )
    op.create_index("sightings_file", "sightings", ["file_id"])
    op.create_index(
        "sightings_held", "sightings", ["drift_id"], sqlite_where=HELD, postgresql_where=HELD
    )
    op.create_table(
        "profiles",
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("file_id", WORDS, sa.ForeignKey("files.file_id"), primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
    )
    op.create_index("profiles_newest", "profiles", ["feed", "at"])


def downgrade() -> None:
    """Drop the tables, and with them what was known of drift."""
    for table in ("profiles", "sightings", "drifts"):
        op.drop_table(table)
