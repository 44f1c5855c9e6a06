"""Addresses that somebody trusts for a feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trusted_senders",
        sa.Column("sender", WORDS, primary_key=True),
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("address", WORDS, nullable=False),
        sa.Column("trusted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trusted_by", WORDS, nullable=False),
    )


def downgrade() -> None:
    """Trust only whom the feeds themselves name."""
    op.drop_table("trusted_senders")
