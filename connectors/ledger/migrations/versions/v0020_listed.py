"""When a feed's source was last listed whole: one that tells what arrives is listed rarely."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connectors.ledger.columns import UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; every feed is listed once more at first."""
    op.add_column("feeds", sa.Column("listed_at", UtcTime))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("feeds", "listed_at")
