"""Budget: what loads have used of the day's quotas, and which of them pause."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import charges, pauses
from schemas.quota import Charge, Pause, Spent


class Budget:
    """The charges of load jobs, one row a job: counting them again finds them only once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charge(self, charge: Charge) -> None:
        """Write down what an attempt may use, before it is made. Safe to repeat."""
        values = {
            "job": charge.job,
            "table_name": charge.table,
            "day": charge.day,
            "load_jobs": charge.load_jobs,
            "partitions": charge.partitions,
            "at": self._database.now(),
        }
        with self._database.write() as connection:
            connection.execute(
                insert_into(connection, charges).values(**values).on_conflict_do_nothing()
            )

    def charged(self, job: str) -> bool:
        """Whether that job has been charged, on whatever day."""
        with self._database.read() as connection:
            query = select(charges.c.job).where(charges.c.job == job)
            return connection.scalar(query) is not None

    def spent(self, table: str, day: str) -> Spent:
        """What was charged that day, to the table and in all."""
        of_table = select(
            func.count(),
            func.coalesce(func.sum(charges.c.load_jobs), 0),
            func.coalesce(func.sum(charges.c.partitions), 0),
            func.max(charges.c.at),
        ).where(charges.c.day == day, charges.c.table_name == table)
        of_all = select(func.coalesce(func.sum(charges.c.load_jobs), 0))
        with self._database.read() as connection:
            count, jobs, partitions, last_at = connection.execute(of_table).one()
            every = connection.scalars(of_all.where(charges.c.day == day)).one()
        return Spent(
            charges=count,
            load_jobs=int(jobs),
            partitions=int(partitions),
            all_load_jobs=int(every),
            last_at=last_at,
        )

    def forget_charges(self, before: str) -> int:
        """Forget the charges of earlier days; how many."""
        with self._database.write() as connection:
            return connection.execute(delete(charges).where(charges.c.day < before)).rowcount

    def pause_table(self, table: str, until: datetime, reason: str) -> None:
        """Let the table's loads wait until then."""
        with self._database.write() as connection:
            statement = insert_into(connection, pauses)
            connection.execute(
                statement.values(
                    table_name=table, until=until, reason=reason
                ).on_conflict_do_update(
                    index_elements=["table_name"], set_={"until": until, "reason": reason}
                )
            )

    def table_pause(self, table: str) -> Pause | None:
        """The table's pause, unless it is over."""
        query = select(pauses.c.until, pauses.c.reason).where(pauses.c.table_name == table)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or row[0] <= self._database.now():
            return None
        return Pause(until=row[0], reason=row[1])
