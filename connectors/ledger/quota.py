"""Quota: what loads have used of the day's quotas, and which of them pause."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import buckets, charges, pauses
from schemas.quota import Bucket, Charge, Pause, Spent

_BUSY = timedelta(hours=1)


class Quota:
    """The charges of load jobs, one row a job: counting them again finds them only once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charge(self, charge: Charge) -> None:
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
        with self._database.read() as connection:
            query = select(charges.c.job).where(charges.c.job == job)
            return connection.scalar(query) is not None

    def draw(self, bucket: Bucket, tokens: float) -> timedelta:
        now = self._database.now()
        with self._database.write() as connection:
            full = {"name": bucket.name, "tokens": bucket.capacity, "at": now}
            connection.execute(
                insert_into(connection, buckets).values(**full).on_conflict_do_nothing()
            )
            row = connection.execute(
                select(buckets.c.tokens, buckets.c.at)
                .where(buckets.c.name == bucket.name)
                .with_for_update()
            ).one()
            left = bucket.refilled(row.tokens, row.at, now) - tokens
            connection.execute(
                update(buckets).where(buckets.c.name == bucket.name).values(tokens=left, at=now)
            )
        return bucket.wait(left)

    def spent(self, table: str, day: str, bucket: Bucket) -> Spent:
        now = self._database.now()
        of_table = select(
            func.count(),
            func.coalesce(func.sum(charges.c.load_jobs), 0),
            func.coalesce(func.sum(charges.c.partitions), 0),
            func.max(charges.c.at),
        ).where(charges.c.day == day, charges.c.table_name == table)
        busy = select(func.count(charges.c.table_name.distinct())).where(charges.c.at > now - _BUSY)
        left = select(buckets.c.tokens, buckets.c.at).where(buckets.c.name == bucket.name)
        with self._database.read() as connection:
            count, jobs, partitions, last_at = connection.execute(of_table).one()
            tables = connection.scalars(busy).one()
            row = connection.execute(left).first()
        tokens = bucket.refilled(row.tokens, row.at, now) if row else bucket.capacity
        return Spent(
            charges=count,
            load_jobs=int(jobs),
            partitions=int(partitions),
            tokens=tokens,
            busy_tables=max(1, tables),
            last_at=last_at,
        )

    def forget(self, before: str) -> int:
        with self._database.write() as connection:
            return connection.execute(delete(charges).where(charges.c.day < before)).rowcount

    def pause(self, table: str, until: datetime, reason: str) -> None:
        with self._database.write() as connection:
            statement = insert_into(connection, pauses)
            connection.execute(
                statement.values(
                    table_name=table, until=until, reason=reason
                ).on_conflict_do_update(
                    index_elements=["table_name"], set_={"until": until, "reason": reason}
                )
            )

    def pause_of(self, table: str) -> Pause | None:
        query = select(pauses.c.until, pauses.c.reason).where(pauses.c.table_name == table)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or row[0] <= self._database.now():
            return None
        return Pause(until=row[0], reason=row[1])
