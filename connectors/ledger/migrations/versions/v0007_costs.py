"""Token buckets of quotas that refill, and what the warehouse's jobs were billed for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables, and the index by which busy tables are counted."""
    op.create_table(
        "buckets",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("tokens", sa.Float, nullable=False),
        sa.Column("at", TIME, nullable=False),
    )
    op.create_table(
        "costs",
        sa.Column("job_id", WORDS, primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("command", WORDS, nullable=False),
        sa.Column("feed", WORDS),
        sa.Column("table_name", WORDS),
        sa.Column("batch_id", sa.String(16)),
        sa.Column("bytes_billed", sa.BigInteger, nullable=False),
    )
    op.create_index("costs_at", "costs", ["at"])
    op.create_index("charges_at", "charges", ["at", "table_name"])


def downgrade() -> None:
    """Forget both."""
    op.drop_index("charges_at", "charges")
    op.drop_table("costs")
    op.drop_table("buckets")
