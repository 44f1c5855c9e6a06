"""Files of some feeds that were not taken whole, and files whose rejected rows all came corrected,
are found by indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NOTED = "outcome <> 'accepted'"
_FIXED = "outcome = 'partly' AND rows_rejected > 0 AND rows_corrected >= rows_rejected"


def upgrade() -> None:
    """Add them."""
    _make("files_feed_noted", ["feed", "outcome", "discovered_at"], _NOTED)
    _make("files_fixed", ["discovered_at"], _FIXED)


def downgrade() -> None:
    """Drop them."""
    for name in ("files_fixed", "files_feed_noted"):
        op.drop_index(name, "files")


def _make(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "files", columns, sqlite_where=where, postgresql_where=where)
