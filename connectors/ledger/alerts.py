"""Alerts: what is the matter, what is over, and which destination has been told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched

from sqlalchemy import Connection, RowMapping, and_, delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import ALERT_DISMISSED, RESOLVED, UNRESOLVED, alerts, deliveries
from schemas.alert import Alert, AlertKind, Trouble, alert_id_of
from schemas.language import kept, params_of

_AT_ONCE = 500
_TOLD_WITHIN = timedelta(days=7)

type _Key = tuple[AlertKind, str]


class Alerts:
    """The alerts of the ledger: at most one that is open for each kind and subject."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, found: Collection[Trouble], over: Collection[AlertKind]) -> None:
        wanted = {(each.kind, each.subject): each for each in found}
        with self._database.read() as connection:
            before = _open(connection)
            for key in _dismissed(connection):
                wanted.pop(key, None)
        news = [each for key, each in wanted.items() if before.get(key) != each.says]
        gone = [key for key in before if key not in wanted and key[0] in over]
        if not news and not gone:
            return
        now = self._database.now()
        with self._database.write() as connection:
            for kind, subject in gone:
                same = and_(UNRESOLVED, alerts.c.kind == kind, alerts.c.subject == subject)
                connection.execute(update(alerts).where(same).values(resolved_at=now))
            if news:
                _note(connection, news, now)

    def latest(self, *, resolved: bool = False, limit: int = 1000) -> Sequence[Alert]:
        query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.alert_id).limit(limit)
        if not resolved:
            query = query.where(UNRESOLVED)
        with self._database.read() as connection:
            return [_alert_of(row) for row in connection.execute(query).mappings()]

    def get(self, alert_id: str) -> Alert:
        query = select(alerts).where(alerts.c.alert_id == alert_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise KeyError(alert_id)
        return _alert_of(row)

    def acknowledge(self, alert_id: str, who: str | None, until: datetime | None) -> Alert:
        with self._database.write() as connection:
            known = {
                "acknowledged_at": None if who is None else self._database.now(),
                "acknowledged_by": who,
                "acknowledged_until": until,
            }
            mine = update(alerts).where(alerts.c.alert_id == alert_id)
            row = connection.execute(mine.values(**known).returning(*alerts.c)).mappings().first()
        if row is None:
            raise KeyError(alert_id)
        return _alert_of(row)

    def dismiss(self, alert_id: str, who: str | None, note: str) -> Alert:
        mine = update(alerts).where(alerts.c.alert_id == alert_id)
        with self._database.write() as connection:
            now = self._database.now()
            over = alerts.c.resolved_at if who is None else func.coalesce(alerts.c.resolved_at, now)
            known = {
                "dismissed_at": None if who is None else now,
                "dismissed_by": who,
                "dismissed_note": None if who is None else note,
                "resolved_at": over,
            }
            row = connection.execute(mine.values(**known).returning(*alerts.c)).mappings().first()
        if row is None:
            raise KeyError(alert_id)
        return _alert_of(row)

    def undelivered(self, destination: str, limit: int) -> Sequence[Alert]:
        told = and_(
            deliveries.c.alert_id == alerts.c.alert_id, deliveries.c.destination == destination
        )
        query = select(alerts).outerjoin(deliveries, told).order_by(alerts.c.opened_at).limit(limit)
        begun = query.where(alerts.c.resolved_at.is_(None), deliveries.c.alert_id.is_(None))
        recently = self._database.now() - _TOLD_WITHIN
        over = query.where(
            alerts.c.resolved_at > recently,
            deliveries.c.alert_id.is_not(None),
            deliveries.c.resolved_at.is_(None),
        )
        with self._database.read() as connection:
            return [
                _alert_of(row)
                for each in (begun, over)
                for row in connection.execute(each).mappings()
            ]

    def mark_delivered(self, destination: str, told: Collection[Alert]) -> None:
        now = self._database.now()
        rows = [
            {
                "alert_id": alert.alert_id,
                "destination": destination,
                "opened_at": now,
                "resolved_at": now if alert.resolved_at is not None else None,
            }
            for alert in told
        ]
        if not rows:
            return
        with self._database.write() as connection:
            statement = insert_into(connection, deliveries)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["alert_id", "destination"],
                    set_={"resolved_at": statement.excluded.resolved_at},
                ),
                rows,
            )

    def told(self, alert_ids: Collection[str]) -> Mapping[str, Mapping[str, datetime]]:
        query = select(deliveries.c.alert_id, deliveries.c.destination, deliveries.c.opened_at)
        found: dict[str, dict[str, datetime]] = {each: {} for each in alert_ids}
        with self._database.read() as connection:
            for some in batched(found, _AT_ONCE, strict=False):
                mine = query.where(deliveries.c.alert_id.in_(some))
                for alert_id, destination, at in connection.execute(
                    mine.order_by(deliveries.c.destination)
                ):
                    found[alert_id][destination] = at
        return found

    def forget(self, before: datetime) -> int:
        old = select(alerts.c.alert_id).where(RESOLVED, alerts.c.resolved_at < before)
        with self._database.write() as connection:
            gone = connection.scalars(old).all()
            for some in batched(gone, _AT_ONCE, strict=False):
                for table in (deliveries, alerts):
                    connection.execute(delete(table).where(table.c.alert_id.in_(some)))
        return len(gone)


def _open(connection: Connection) -> Mapping[_Key, str]:
    """What each open alert says."""
    rows = connection.execute(
        select(alerts.c.kind, alerts.c.subject, alerts.c.summary).where(UNRESOLVED)
    )
    return {(AlertKind(kind), subject): summary for kind, subject, summary in rows}


def _dismissed(connection: Connection) -> Iterator[_Key]:
    """What nobody wants to hear of again."""
    rows = connection.execute(select(alerts.c.kind, alerts.c.subject).where(ALERT_DISMISSED))
    return ((AlertKind(kind), subject) for kind, subject in rows)


def _note(connection: Connection, news: Sequence[Trouble], now: datetime) -> None:
    rows = [
        {
            "alert_id": alert_id_of(trouble, now),
            "kind": trouble.kind,
            "subject": trouble.subject,
            "feed": trouble.feed,
            "summary": trouble.says,
            "summary_params": params_of(trouble.says),
            "advice": trouble.todo,
            "advice_params": params_of(trouble.todo),
            "opened_at": now,
        }
        for trouble in news
    ]
    statement = insert_into(connection, alerts)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=UNRESOLVED,
            set_={
                "summary": statement.excluded.summary,
                "summary_params": statement.excluded.summary_params,
            },
        ),
        rows,
    )


def _trouble_of(row: RowMapping) -> Trouble:
    return Trouble(
        kind=AlertKind(row["kind"]),
        subject=row["subject"],
        says=kept(row["summary"], row["summary_params"]),
        todo=kept(row["advice"], row["advice_params"]),
        feed=row["feed"],
    )


def _alert_of(row: RowMapping) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        trouble=_trouble_of(row),
        opened_at=row["opened_at"],
        resolved_at=row["resolved_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        acknowledged_until=row["acknowledged_until"],
        dismissed_at=row["dismissed_at"],
        dismissed_by=row["dismissed_by"],
        dismissed_note=row["dismissed_note"],
    )
