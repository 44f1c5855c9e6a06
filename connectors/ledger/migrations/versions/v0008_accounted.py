"""What became of each line of a file, and of the rows that a transform makes others of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; files that were prepared before have nothing in them."""
    op.add_column("files", sa.Column("accounted", sa.Text()))
    op.add_column(
        "files", sa.Column("rows_aggregated", sa.BigInteger, nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Forget what became of the lines."""
    op.drop_column("files", "rows_aggregated")
    op.drop_column("files", "accounted")
