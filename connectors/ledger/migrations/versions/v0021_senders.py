"""Counts by sender and feed, and the counts of a day without their feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
_COUNTS = (
    "days", "accepted", "partly", "quarantined", "left_out", "rows_read", "rows_loaded",
)  # fmt: skip
_DAY = {
    "sqlite": "substr(sent_at, 1, 10)",
    "postgresql": "to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
_COUNT = """
INSERT INTO sender_counts (sender, feed, first_sent, last_sent, last_day, days,
    accepted, partly, quarantined, left_out, rows_read, rows_loaded)
SELECT substr(sender, 1, 320), feed, min(sent_at), max(sent_at), max({day}), count(DISTINCT {day}),
    sum(CASE WHEN outcome = 'accepted' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome = 'partly' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome = 'quarantined' THEN 1 ELSE 0 END),
    sum(CASE WHEN outcome IN ('repeated', 'unchanged', 'superseded') THEN 1 ELSE 0 END),
    sum(rows_read), sum(rows_loaded)
FROM files WHERE sender IS NOT NULL AND status IN ('done', 'unloading') AND done_at IS NOT NULL
GROUP BY substr(sender, 1, 320), feed
"""


def upgrade() -> None:
    """Make the table, and count what is done already."""
    op.create_table(
        "sender_counts",
        sa.Column("sender", WORDS, primary_key=True),
        sa.Column("feed", WORDS, primary_key=True),
        sa.Column("first_sent", TIME, nullable=False),
        sa.Column("last_sent", TIME, nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _COUNTS),
    )
    op.create_index("daily_counts_day", "daily_counts", ["day"])
    op.execute(_COUNT.format(day=_DAY[op.get_bind().dialect.name]))


def downgrade() -> None:
    """Forget it."""
    op.drop_index("daily_counts_day", "daily_counts")
    op.drop_table("sender_counts")
