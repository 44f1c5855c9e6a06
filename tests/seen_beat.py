"""Beat as the ledger knows it, some minutes ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine

from connectors.ledger.tables import services


def beat_was_seen(ledger: Path, minutes_ago: float) -> None:
    """As if beat, which the ledger knows, had been seen last then."""
    engine = create_engine(f"sqlite:///{ledger}")
    with engine.begin() as connection:
        then = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        of_beat = services.c.name == "beat"
        connection.execute(services.update().where(of_beat).values(good_at=then))
    engine.dispose()
