"""What each file's staged rows take in storage, which is what a batch's bytes are counted from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; files that were prepared before have nothing in it."""
    op.add_column("files", sa.Column("staged_bytes", sa.BigInteger))


def downgrade() -> None:
    """Forget what they take."""
    op.drop_column("files", "staged_bytes")
