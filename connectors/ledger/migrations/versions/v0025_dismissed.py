"""Alerts of files are dismissed for good: who did, when, and why. Drifts count their senders."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COLUMNS = (
    ("dismissed_at", sa.DateTime(timezone=True)),
    ("dismissed_by", _WORDS),
    ("dismissed_note", _WORDS),
)
_DISMISSED = "dismissed_at IS NOT NULL"
_SENDERS = """
SELECT DISTINCT sightings.drift_id, files.sender FROM sightings
JOIN files ON files.file_id = sightings.file_id WHERE files.sender IS NOT NULL
"""
_COUNT = """
UPDATE drifts SET senders =
    (SELECT count(*) FROM drift_senders WHERE drift_senders.drift_id = drifts.drift_id)
"""


def _hash_of(sender: str) -> str:
    return hashlib.sha256(sender.encode("utf-8")).hexdigest()[:16]


def upgrade() -> None:
    """Add the columns, and an index that finds such alerts; count the senders so far."""
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
    drift_senders = op.create_table(
        "drift_senders",
        sa.Column("drift_id", sa.String(8), sa.ForeignKey("drifts.drift_id"), primary_key=True),
        sa.Column("sender", sa.String(16), primary_key=True),
    )
    op.add_column("drifts", sa.Column("senders", sa.BigInteger, nullable=False, server_default="0"))
    rows = op.get_bind().execute(sa.text(_SENDERS))
    found = {(drift, _hash_of(sender)) for drift, sender in rows}
    op.bulk_insert(drift_senders, [{"drift_id": drift, "sender": each} for drift, each in found])
    op.execute(_COUNT)


def downgrade() -> None:
    """Drop them: what was dismissed is told of again."""
    op.drop_column("drifts", "senders")
    op.drop_table("drift_senders")
    op.drop_index("alerts_dismissed", "alerts")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("alerts", name)
