"""The ledger in a database: SQLite for one machine, PostgreSQL for several."""

from connectors.ledger.config import LedgerConfig
from connectors.ledger.ledger import SqlLedger

__all__ = ["LedgerConfig", "SqlLedger"]
