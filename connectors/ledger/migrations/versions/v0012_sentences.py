"""Sentences as template and values, beside their English; plainer names for what alerts hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("files", "reason_params"),
    ("alerts", "summary_params"),
    ("alerts", "advice_params"),
)
_NAMES = (("says", "summary"), ("todo", "advice"))


def upgrade() -> None:
    """Add the columns; sentences that were kept before are shown as they were."""
    for table, column in _COLUMNS:
        op.add_column(table, sa.Column(column, sa.Text()))
    for old, new in _NAMES:
        op.execute(f"ALTER TABLE alerts RENAME COLUMN {old} TO {new}")
    op.rename_table("tellings", "deliveries")


def downgrade() -> None:
    """Keep the English alone."""
    op.rename_table("deliveries", "tellings")
    for old, new in _NAMES:
        op.execute(f"ALTER TABLE alerts RENAME COLUMN {new} TO {old}")
    for table, column in _COLUMNS:
        op.drop_column(table, column)
