"""Bundles: small files whose staged rows lie in one object."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Files of before have objects of their own."""
    op.add_column("files", sa.Column("bundle", sa.Text()))
    where = sa.text("bundle IS NOT NULL")
    op.create_index("files_bundle", "files", ["bundle"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Forget which files lie together; where their rows are stays known."""
    op.drop_index("files_bundle", "files")
    op.drop_column("files", "bundle")
