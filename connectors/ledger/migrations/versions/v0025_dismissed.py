"""Alerts of files are dismissed for good: who did, when, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None

_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COLUMNS = (
    ("dismissed_at", sa.DateTime(timezone=True)),
    ("dismissed_by", _WORDS),
    ("dismissed_note", _WORDS),
)
_DISMISSED = "dismissed_at IS NOT NULL"


def upgrade() -> None:
    """Add the columns, and an index that finds such alerts."""
    for name, kind in _COLUMNS:
        op.add_column("alerts", sa.Column(name, kind))
    where = sa.text(_DISMISSED)
    op.create_index(
        "alerts_dismissed",
        "alerts",
        ["kind", "subject"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    """Drop them: what was dismissed is told of again."""
    op.drop_index("alerts_dismissed", "alerts")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("alerts", name)
