"""Commands that run after a load, and which batches they are still to be told of; who has been sent
a template with the first refusal of a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; batches of before are not told of."""
    op.create_table(
        "after_loads",
        sa.Column("batch_id", sa.String(16), sa.ForeignKey("batches.batch_id"), primary_key=True),
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("file_ids", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("owner", WORDS),
        sa.Column("closed_at", TIME),
        sa.Column("note", WORDS),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "after_loads_owed",
        "after_loads",
        ["feed", "planned_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("after_loads_closed", "after_loads", ["feed", "closed_at"])
    op.create_index("after_loads_ended", "after_loads", ["closed_at"])
    op.create_table(
        "template_mails",
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("recipient", WORDS, primary_key=True),
        sa.Column("reply_id", sa.String(24), nullable=False),
        sa.Column("noted_at", TIME, nullable=False),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("template_mails")
    op.drop_table("after_loads")
