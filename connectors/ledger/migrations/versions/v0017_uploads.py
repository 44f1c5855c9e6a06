"""Files that are sent directly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(16), primary_key=True),
        sa.Column("feed", WORDS),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.String(64)),
        sa.Column("multipart", WORDS),
        sa.Column("file_id", WORDS),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("uploads_key", "uploads", ["key_hash"], unique=True)
    op.create_index("uploads_state", "uploads", ["state", "created_at"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("uploads")
