"""The console's database: a schema of its own beside the ledger's on PostgreSQL, a second file
beside the ledger's otherwise."""

from __future__ import annotations

from typing import Any

from connectors.ledger.config import LedgerConfig

SCHEMA = "console"


def database_of(ledger: LedgerConfig) -> dict[str, Any]:
    """What Django is told of the database."""
    if (file := ledger.file) is not None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(file.with_name(f"{file.stem}.console{file.suffix}")),
            "OPTIONS": {
                "timeout": ledger.busy_seconds,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        }
    url = ledger.database
    # Unlike the ledger, Django names its tables without their schema.
    given = {name: str(value) for name, value in url.query.items() if isinstance(value, str)}
    options = f"{given.pop('options', '')} -c search_path={SCHEMA}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database or "",
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": given.pop("host", url.host or ""),
        "PORT": str(given.pop("port", url.port or "")),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **given,
            **ledger.tls,
            "options": options,
            "connect_timeout": ledger.connect_seconds,
            "pool": {"min_size": 1, "max_size": ledger.pool_size + ledger.pool_overflow,
                     "timeout": ledger.pool_seconds},
        },
    }  # fmt: skip
