"""Time: what a restored ledger is told by, what retention must leave, and files of corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
# Under which of the files loaded until now rows lie is not known: of feeds that ever took rows out
# of a table all of them are kept.
_MAY_BE_UNDER = (
    "UPDATE files SET covered = TRUE WHERE in_force"
    " AND feed IN (SELECT feed FROM batches WHERE rows_removed > 0)"
)


def upgrade() -> None:
    """Add the columns and the table; numbers begin with the next batch."""
    for name in ("covered", "may_lose"):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("files", column)
    op.add_column("files", sa.Column("corrects", WORDS))
    op.add_column(
        "files", sa.Column("rows_corrected", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column("batches", sa.Column("generation", sa.BigInteger))
    op.create_table(
        "generations",
        sa.Column("table_name", WORDS, primary_key=True),
        sa.Column("drawn", sa.BigInteger, nullable=False),
        sa.Column("committed", sa.BigInteger),
        sa.Column("committed_at", TIME),
    )
    op.execute(_MAY_BE_UNDER)
    _partial("files_covered", ["done_at", "file_id"], "covered AND landing_key IS NOT NULL")
    _partial("files_corrects", ["corrects"], "corrects IS NOT NULL")


def downgrade() -> None:
    """Forget all of it."""
    op.drop_index("files_corrects", "files")
    op.drop_index("files_covered", "files")
    op.drop_table("generations")
    op.drop_column("batches", "generation")
    for name in ("rows_corrected", "corrects", "may_lose", "covered"):
        op.drop_column("files", name)


def _partial(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "files", columns, sqlite_where=condition, postgresql_where=condition)
