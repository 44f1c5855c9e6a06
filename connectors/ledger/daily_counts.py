"""Daily counts: what has ended by day and feed, kept with each end so that no question adds up
history."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC

from sqlalchemy import Connection, func, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.sender_counts import count_senders, outcome_name
from connectors.ledger.tables import daily_counts as table
from schemas.daily_count import DailyCount
from schemas.file import File, Status

_COUNTED = (Status.DONE, Status.UNLOADING)


class DailyCounts:
    """The counts of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, feed: str, since: str) -> Sequence[DailyCount]:
        query = select(table).where(table.c.feed == feed, table.c.day >= since)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.day)).mappings()
            return [DailyCount(**row) for row in rows]

    def total(self, feeds: Collection[str] | None, since: str) -> DailyCount:
        wanted = [table.c.day >= since]
        if feeds is not None:
            wanted.append(table.c.feed.in_(sorted(feeds)))
        sums = [func.coalesce(func.sum(each), 0).label(each.name) for each in list(table.c)[2:]]
        with self._database.read() as connection:
            row = connection.execute(select(*sums).where(*wanted)).mappings().one()
        return DailyCount(feed="", day=since, **{name: int(value) for name, value in row.items()})


def count_ended(connection: Connection, files: Sequence[File]) -> None:
    """Count files that are done now, in the transaction in which they end."""
    _add(connection, files, 1)


def count_no_more(connection: Connection, file: File) -> None:
    """Take back that a file was done: it is on its way again, or its rows have left the table.
    Nothing for a file that was not counted."""
    if file.status in _COUNTED:
        _add(connection, [file], -1)


def _add(connection: Connection, files: Sequence[File], sign: int) -> None:
    days: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for file in files:
        if file.done_at is None:
            continue
        day = file.done_at.astimezone(UTC).date().isoformat()
        days[file.feed, day].update(
            {
                outcome_name(file): 1,
                "rows_read": file.counts.read,
                "rows_loaded": file.counts.loaded,
                "rows_rejected": file.counts.rejected,
            }
        )
    # In one order, so that two workers cannot wait for each other.
    for (feed, day), counts in sorted(days.items()):
        values = {each: sign * count for each, count in counts.items()}
        statement = insert_into(connection, table).values(feed=feed, day=day, **values)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["feed", "day"],
                set_={each: table.c[each] + statement.excluded[each] for each in values},
            )
        )
    count_senders(connection, files, sign)
