"""What became of each line of a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; files that were prepared before have nothing in it."""
    op.add_column("files", sa.Column("accounted", sa.Text()))


def downgrade() -> None:
    """Forget what became of the lines."""
    op.drop_column("files", "accounted")
