"""Tables of alerts, of those who work and of what is outside."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    String,
    Table,
)

from connectors.ledger.columns import AnyText, JsonText, UtcTime
from connectors.ledger.tables.conditions import (
    ALERT_DISMISSED,
    RESOLVED,
    UNRESOLVED,
)
from connectors.ledger.tables.metadata import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(12), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("feed", AnyText),
    Column("summary", AnyText, nullable=False),
    Column("advice", AnyText, nullable=False),
    Column("summary_params", JsonText),
    Column("advice_params", JsonText),
    Column("opened_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
    Column("acknowledged_at", UtcTime),
    Column("acknowledged_by", AnyText),
    Column("acknowledged_until", UtcTime),
    Column("dismissed_at", UtcTime),
    Column("dismissed_by", AnyText),
    Column("dismissed_note", AnyText),
    Index(
        "alerts_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=UNRESOLVED,
        postgresql_where=UNRESOLVED,
    ),
    Index("alerts_newest", "opened_at"),
    Index("alerts_resolved", "resolved_at", sqlite_where=RESOLVED, postgresql_where=RESOLVED),
    Index(
        "alerts_dismissed",
        "kind",
        "subject",
        sqlite_where=ALERT_DISMISSED,
        postgresql_where=ALERT_DISMISSED,
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("alert_id", ForeignKey(alerts.c.alert_id), primary_key=True),
    Column("destination", AnyText, primary_key=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
)

workers = Table(
    "workers",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)

services = Table(
    "services",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("good_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("error", AnyText),
    Column("retry_at", UtcTime),
)
