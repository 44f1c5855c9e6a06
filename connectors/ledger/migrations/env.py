"""How Alembic runs the versions: in the transaction that `Schema.migrate` has begun."""

from __future__ import annotations

from alembic import context

from connectors.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
