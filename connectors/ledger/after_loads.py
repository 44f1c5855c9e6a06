"""Commands after a load: which batches they are still to be told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.held_rows import take, write_held
from connectors.ledger.records import write_events
from connectors.ledger.tables import UNRUN
from connectors.ledger.tables import after_loads as table
from schemas.after_load import AfterLoad, AfterLoadState
from schemas.file import Event


class AfterLoads:
    """The outbox of the feeds' commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, run: AfterLoad) -> None:
        with self._database.write() as connection:
            statement = insert_into(connection, table).values(**_row_of(run))
            connection.execute(statement.on_conflict_do_nothing())

    def feeds(self) -> Sequence[str]:
        now = self._database.now()
        with self._database.read() as connection:
            owing = connection.scalars(select(table.c.feed).where(UNRUN).distinct()).all()
            oldest = {feed: connection.execute(_oldest(feed)).first() for feed in owing}
        return sorted(feed for feed, row in oldest.items() if row and row.next_at <= now)

    def claim(self, feed: str, owner: str, seconds: float) -> AfterLoad | None:
        now = self._database.now()
        with self._database.write() as connection:
            row = connection.execute(_oldest(feed).with_for_update()).first()
            if row is None or row.next_at > now:
                return None
            mine = (table.c.batch_id == row.batch_id, UNRUN)
            return _run_of(take(connection, table, owner, now + timedelta(seconds=seconds), *mine))

    def renew(self, run: AfterLoad, seconds: float) -> None:
        at = self._database.now() + timedelta(seconds=seconds)
        self._update(run, (), next_at=at)

    def close(
        self, run: AfterLoad, state: AfterLoadState, note: str, told: Iterable[Event]
    ) -> None:
        now = self._database.now()
        self._update(run, told, state=state, note=note, closed_at=now, owner=None)

    def again(self, run: AfterLoad, at: datetime, note: str, told: Iterable[Event]) -> None:
        self._update(run, told, next_at=at, note=note, owner=None)

    def reopen(self, feed: str) -> int:
        ours = table.c.feed == feed
        done = select(func.max(table.c.closed_at)).where(ours, table.c.state == AfterLoadState.DONE)
        given_up = ours & (table.c.state == AfterLoadState.GIVEN_UP)
        anew = {"state": AfterLoadState.WAITING, "tries": 0, "next_at": self._database.now()}
        with self._database.write() as connection:
            last = connection.scalar(done)
            later = given_up if last is None else given_up & (table.c.closed_at > last)
            statement = update(table).where(later).values(**anew, closed_at=None, note=None)
            return connection.execute(statement).rowcount

    def of(self, batch_id: str) -> AfterLoad | None:
        with self._database.read() as connection:
            query = select(table).where(table.c.batch_id == batch_id)
            row = connection.execute(query).mappings().first()
        return _run_of(row) if row is not None else None

    def last_closed(self, feed: str, since: datetime) -> AfterLoad | None:
        ours = (table.c.feed == feed, table.c.closed_at >= since)
        newest = table.c.closed_at.desc(), table.c.planned_at.desc(), table.c.batch_id
        with self._database.read() as connection:
            query = select(table).where(*ours).order_by(*newest).limit(1)
            row = connection.execute(query).mappings().first()
        return _run_of(row) if row is not None else None

    def forget(self, before: datetime) -> int:
        gone = delete(table).where(table.c.closed_at < before)
        with self._database.write() as connection:
            return connection.execute(gone).rowcount

    def _update(self, run: AfterLoad, told: Iterable[Event], **values: Any) -> None:
        mine = (table.c.batch_id == run.batch_id, UNRUN)
        with self._database.write() as connection:
            write_held(connection, table, run.owner, values, *mine)
            write_events(connection, told)


def _oldest(feed: str) -> Select[tuple[str, datetime]]:
    """The run that comes next of a feed, whether it is due or under way."""
    ours = select(table.c.batch_id, table.c.next_at).where(UNRUN, table.c.feed == feed)
    return ours.order_by(table.c.planned_at, table.c.batch_id).limit(1)


def _row_of(run: AfterLoad) -> dict[str, Any]:
    return {
        "batch_id": run.batch_id,
        "feed": run.feed,
        "batch": dict(run.batch),
        "file_ids": list(run.file_ids),
        "state": run.state,
        "planned_at": run.planned_at,
        "next_at": run.planned_at,
    }


def _run_of(row: RowMapping) -> AfterLoad:
    facts = {**row, "state": AfterLoadState(row["state"]), "file_ids": tuple(row["file_ids"])}
    return AfterLoad(**facts)
