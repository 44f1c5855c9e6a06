"""What is used of BigQuery's quotas, which loads pause, and how far cleaning has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the indexes that cleaning reads."""
    op.create_table(
        "charges",
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("load_jobs", sa.Integer, nullable=False),
        sa.Column("partitions", sa.Integer, nullable=False),
        sa.Column("at", TIME, nullable=False),
    )
    op.create_index("charges_day", "charges", ["day", "table_name"])
    op.create_table(
        "pauses",
        sa.Column("table_name", WORDS, primary_key=True),
        sa.Column("until", TIME, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
    )
    op.create_table(
        "cleaned",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("done_at", TIME, nullable=False),
        sa.Column("file_id", WORDS, nullable=False),
    )
    _partial("files_done", ["done_at", "file_id"], "status = 'done'")
    _partial("files_landing", ["landing_key"], "landing_key IS NOT NULL")


def downgrade() -> None:
    """Forget the budget, and how far cleaning had come."""
    for index in ("files_landing", "files_done"):
        op.drop_index(index, "files")
    for table in ("cleaned", "pauses", "charges"):
        op.drop_table(table)


def _partial(name: str, columns: list[str], where: str) -> None:
    """An index of only those files for which a condition holds."""
    condition = sa.text(where)
    op.create_index(name, "files", columns, sqlite_where=condition, postgresql_where=condition)
