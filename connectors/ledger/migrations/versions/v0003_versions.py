"""Versions: which files are in force, what superseded them, and batches that unload."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003v"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
_LOADED = (
    "status IN ('loaded', 'acknowledging', 'done', 'failed')"
    " AND outcome IN ('accepted', 'partly') AND batch_id IS NOT NULL"
)


def upgrade() -> None:
    """Add the columns; what was loaded until now is in force."""
    op.add_column(
        "batches", sa.Column("kind", sa.String(16), nullable=False, server_default="load")
    )
    for name in ("in_force", "quiet"):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("files", column)
    op.add_column("files", sa.Column("superseded_by", WORDS))
    op.add_column("files", sa.Column("placed_at", TIME))
    op.execute(f"UPDATE files SET in_force = TRUE WHERE {_LOADED}")  # noqa: S608 - a constant
    _grouped("'done', 'failed', 'unloading', 'unloaded'")
    for name, column_name in (("superseded", "superseded_by"), ("repeats", "repeats")):
        _partial(f"files_{name}", [column_name], f"{column_name} IS NOT NULL")


def downgrade() -> None:
    """Drop the columns again."""
    for name in ("superseded", "repeats"):
        op.drop_index(f"files_{name}", "files")
    _grouped("'done', 'failed'")
    for name in ("in_force", "quiet", "superseded_by", "placed_at"):
        op.drop_column("files", name)
    op.drop_column("batches", "kind")


def _grouped(finished: str) -> None:
    """Make the index of unfinished groups anew, for other statuses."""
    op.drop_index("files_grouped", "files")
    condition = f"item_group IS NOT NULL AND status NOT IN ({finished})"
    _partial("files_grouped", ["source", "item_group"], condition)


def _partial(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "files", columns, sqlite_where=condition, postgresql_where=condition)
