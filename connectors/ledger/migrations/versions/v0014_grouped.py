"""Who still needs a mail's original is found by an index, also while a file of it has failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ON_ITS_WAY = "item_group IS NOT NULL AND status NOT IN ('done', 'failed', 'unloading', 'unloaded')"
_NEEDED = "item_group IS NOT NULL AND status NOT IN ('done', 'unloaded')"


def upgrade() -> None:
    """Widen the index to all that may need the original."""
    _make(_NEEDED)


def downgrade() -> None:
    """Narrow it to what is on its way."""
    _make(_ON_ITS_WAY)


def _make(condition: str) -> None:
    op.drop_index("files_grouped", "files")
    where = sa.text(condition)
    op.create_index(
        "files_grouped",
        "files",
        ["source", "item_group"],
        sqlite_where=where,
        postgresql_where=where,
    )
