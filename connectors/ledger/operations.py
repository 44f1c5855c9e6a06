"""Operations: long work that was asked for, who does it, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, insert, null, or_, select, update

from connectors.ledger.database import Database
from connectors.ledger.held_rows import write_held
from connectors.ledger.tables import UNFINISHED
from connectors.ledger.tables import operations as table
from schemas.act import Actor
from schemas.operation import Operation, OperationKind, OperationState


class Operations:
    """The operations of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, operation: Operation) -> Operation:
        with self._database.write() as connection:
            connection.execute(insert(table).values(**_row_of(operation, self._database)))
        return self.get(operation.operation_id)

    def get(self, operation_id: str) -> Operation:
        query = select(table).where(table.c.operation_id == operation_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise KeyError(operation_id)
        return _operation_of(row)

    def latest(self, feeds: Collection[str] | None = None, limit: int = 100) -> Sequence[Operation]:
        query = select(table).order_by(table.c.created_at.desc(), table.c.operation_id)
        if feeds is not None:
            query = query.where(table.c.feed.in_(sorted(feeds)))
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [_operation_of(row) for row in rows]

    def due(self) -> Sequence[str]:
        now = self._database.now()
        free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
        query = select(table.c.operation_id).where(UNFINISHED, free).order_by(table.c.created_at)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def claim(self, operation_id: str, owner: str, seconds: float) -> Operation | None:
        now = self._database.now()
        free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
        statement = (
            update(table)
            .where(table.c.operation_id == operation_id, UNFINISHED, free)
            .values(
                state=OperationState.RUNNING,
                owner=owner,
                started_at=func.coalesce(table.c.started_at, now),
                tries=table.c.tries + 1,
                lease_until=now + timedelta(seconds=seconds),
            )
            .returning(*table.c)
        )
        with self._database.write() as connection:
            row = connection.execute(statement).mappings().first()
        return _operation_of(row) if row is not None else None

    def renew(self, operation: Operation, seconds: float) -> None:
        until = self._database.now() + timedelta(seconds=seconds)
        self._update(operation, lease_until=until)

    def finish(
        self,
        operation: Operation,
        *,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
        hint: str | None = None,
    ) -> None:
        state = OperationState.DONE if error is None else OperationState.FAILED
        end = {"finished_at": self._database.now(), "owner": None, "lease_until": None}
        facts = {"result": None if result is None else dict(result), "error": error, "hint": hint}
        self._update(operation, state=state, **end, **facts)

    def forget_results(self, kind: OperationKind, before: datetime) -> int:
        old = (table.c.kind == kind, table.c.finished_at < before, table.c.result.is_not(None))
        with self._database.write() as connection:
            done = connection.execute(update(table).where(*old).values(result=null()))
            return int(done.rowcount)

    def _update(self, operation: Operation, **values: Any) -> None:
        mine = table.c.operation_id == operation.operation_id
        with self._database.write() as connection:
            write_held(connection, table, operation.owner, values, mine)


def _row_of(operation: Operation, database: Database) -> dict[str, Any]:
    actor = operation.actor
    return {
        "operation_id": operation.operation_id,
        "kind": operation.kind,
        "feed": operation.feed,
        "request": dict(operation.request),
        "state": operation.state,
        "who": actor.who,
        "via": actor.via,
        "origin": actor.origin,
        "request_id": actor.request_id,
        "created_at": database.now(),
    }


def _operation_of(row: RowMapping) -> Operation:
    facts = dict(row)
    actor = Actor(**{name: facts.pop(name) for name in ("who", "via", "origin", "request_id")})
    kinds = {"kind": OperationKind(row["kind"]), "state": OperationState(row["state"])}
    return Operation(**{**facts, **kinds, "actor": actor})
