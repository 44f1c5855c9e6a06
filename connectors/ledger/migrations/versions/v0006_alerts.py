"""Alerts, who was told of them, workers' signs of life, and when feeds were last fed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the indexes by which freshness is read."""
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(12), primary_key=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("feed", WORDS),
        sa.Column("says", WORDS, nullable=False),
        sa.Column("todo", WORDS, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("resolved_at", TIME),
    )
    _partial("alerts_open", "alerts", ["kind", "subject"], "resolved_at IS NULL", unique=True)
    op.create_index("alerts_newest", "alerts", ["opened_at"])
    _partial("alerts_resolved", "alerts", ["resolved_at"], "resolved_at IS NOT NULL")
    op.create_table(
        "tellings",
        sa.Column("alert_id", sa.String(12), sa.ForeignKey("alerts.alert_id"), primary_key=True),
        sa.Column("destination", WORDS, primary_key=True),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("resolved_at", TIME),
    )
    op.create_table(
        "workers",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
    )
    op.add_column("feeds", sa.Column("watched_since", TIME))
    _partial("files_in_force", "files", ["feed", "sent_at"], "in_force")
    op.create_index("batches_finished", "batches", ["feed", "finished_at"])


def downgrade() -> None:
    """Forget the alerts, the workers, and since when feeds are watched."""
    op.drop_index("batches_finished", "batches")
    op.drop_index("files_in_force", "files")
    op.drop_column("feeds", "watched_since")
    for table in ("workers", "tellings", "alerts"):
        op.drop_table(table)


def _partial(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    """An index of only those rows for which a condition holds."""
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
