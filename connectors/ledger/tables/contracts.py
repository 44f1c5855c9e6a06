"""Tables of contracts: every text that was ever in force."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, UniqueConstraint

from connectors.ledger.columns import AnyText, UtcTime
from connectors.ledger.tables.metadata import metadata

contract_revisions = Table(
    "contract_revisions",
    metadata,
    # Given by hand under a lock, one after the other: the highest one says whether there is more.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("contract", AnyText, nullable=False),
    Column("number", Integer, nullable=False),
    Column("text", AnyText),
    Column("reason", AnyText),
    Column("drift_id", String(16)),
    Column("who", AnyText, nullable=False),
    Column("via", String(16), nullable=False),
    Column("origin", AnyText),
    Column("request_id", AnyText),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("contract", "number", name="contract_revisions_number"),
)
