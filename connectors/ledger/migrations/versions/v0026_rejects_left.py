"""Files know which rejected rows were left beside their originals, to take them back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was left before is not known, and stays."""
    op.add_column("files", sa.Column("rejects_left", sa.Text()))


def downgrade() -> None:
    """Drop it: what was left is not taken back any more."""
    op.drop_column("files", "rejects_left")
