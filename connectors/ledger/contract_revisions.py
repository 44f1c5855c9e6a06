"""Contract revisions: the texts of contracts, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select, text, tuple_

from connectors.ledger.database import Database
from connectors.ledger.tables import contract_revisions as table
from schemas.act import Actor
from schemas.contract_revision import ContractRevision
from schemas.errors import ConflictError, FatalError

_ADDING = 0x77617964  # any constant will do: it names the lock under which revisions are added


class ContractRevisions:
    """The contract revisions of the ledger: they are only added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> str | None:
        file = self._database.file
        if file is not None and not file.exists():
            return None
        newest = select(table.c.position, table.c.at).order_by(table.c.position.desc()).limit(1)
        try:
            with self._database.read() as connection:
                found = connection.execute(newest).first()
        except FatalError:
            if self._database.has(table):
                raise
            return None
        return None if found is None else f"{found.position} {found.at.isoformat()}"

    def in_force(self) -> Mapping[str, ContractRevision]:
        newest = select(table.c.contract, func.max(table.c.number)).group_by(table.c.contract)
        query = select(table).where(tuple_(table.c.contract, table.c.number).in_(newest))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.contract)).mappings()
            return {row["contract"]: _revision_of(row) for row in rows}

    def of(self, contract: str) -> Sequence[ContractRevision]:
        query = select(table).where(table.c.contract == contract).order_by(table.c.number.desc())
        with self._database.read() as connection:
            return [_revision_of(row) for row in connection.execute(query).mappings()]

    def add(
        self,
        contract: str,
        text: str | None,
        *,
        base: int,
        actor: Actor,
        reason: str | None,
        drift_id: str | None = None,
    ) -> ContractRevision:
        with self._database.write() as connection:
            _lock(connection)
            of_it = select(func.max(table.c.number)).where(table.c.contract == contract)
            newest = connection.scalar(of_it) or 0
            if newest != base:
                raise ConflictError(
                    f"contract {contract} has the revision {newest} by now; this change was made"
                    f" from {f'revision {base}' if base else 'none'}",
                    hint=f"see `waybill contracts log {contract}`, then try again",
                )
            made = ContractRevision(
                contract=contract,
                number=newest + 1,
                text=text,
                actor=actor,
                reason=reason,
                at=self._database.now(),
                drift_id=drift_id,
            )
            position = (connection.scalar(select(func.max(table.c.position))) or 0) + 1
            connection.execute(
                insert(table).values(
                    position=position,
                    contract=contract,
                    number=made.number,
                    text=text,
                    reason=reason,
                    drift_id=drift_id,
                    who=actor.who,
                    via=actor.via,
                    origin=actor.origin,
                    request_id=actor.request_id,
                    at=made.at,
                )
            )
            return made


def _lock(connection: Connection) -> None:
    """Let one transaction at a time add; on SQLite there is only one that writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADDING})


def _revision_of(row: RowMapping) -> ContractRevision:
    return ContractRevision(
        contract=row["contract"],
        number=row["number"],
        text=row["text"],
        actor=Actor(**{name: row[name] for name in ("who", "via", "origin", "request_id")}),
        reason=row["reason"],
        at=row["at"],
        drift_id=row["drift_id"],
    )
