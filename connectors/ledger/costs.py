"""Costs: what the warehouse's jobs were billed for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import costs
from schemas.cost import Cost, CostSum
from schemas.errors import FatalError


class Costs:
    """One row a job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, cost: Cost) -> None:
        values = {
            "job_id": cost.job_id,
            "at": cost.at,
            "command": cost.command,
            "feed": cost.feed,
            "table_name": cost.table,
            "batch_id": cost.batch_id,
            "bytes_billed": cost.bytes_billed,
        }
        if self._database.file is not None and not self._database.file.exists():
            return
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert_into(connection, costs).values(**values).on_conflict_do_nothing()
                )
        except FatalError:
            if self._database.has(costs):
                raise

    def sums(self, since: datetime, feed: str | None = None) -> Sequence[CostSum]:
        by = (costs.c.feed, costs.c.table_name, costs.c.command)
        total = func.sum(costs.c.bytes_billed)
        query = (
            select(*by, func.count(), total)
            .where(costs.c.at >= since)
            .group_by(*by)
            .order_by(total.desc(), *by)
        )
        if feed is not None:
            query = query.where(costs.c.feed == feed)
        with self._database.read() as connection:
            return [
                CostSum(feed=feed, table=table, command=command, jobs=jobs, bytes_billed=int(size))
                for feed, table, command, jobs, size in connection.execute(query)
            ]

    def forget(self, before: datetime) -> int:
        with self._database.write() as connection:
            return connection.execute(delete(costs).where(costs.c.at < before)).rowcount
