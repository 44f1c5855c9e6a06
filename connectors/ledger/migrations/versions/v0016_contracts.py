"""Contracts: every text that was ever in force, with who and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table; the first `apply` fills it from the folder."""
    op.create_table(
        "contract_revisions",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("contract", WORDS, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("text", WORDS),
        sa.Column("reason", WORDS),
        sa.Column("drift_id", sa.String(16)),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("origin", WORDS),
        sa.Column("request_id", WORDS),
        sa.Column("at", TIME, nullable=False),
        sa.UniqueConstraint("contract", "number", name="contract_revisions_number"),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("contract_revisions")
