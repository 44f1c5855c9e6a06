"""Daily counts: what has ended by day and feed, kept with each end so that no question adds up
history."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC

from sqlalchemy import Connection, select

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import daily_counts as table
from schemas.daily_count import DailyCount
from schemas.file import File, Outcome, Status

_NAMES = {
    Outcome.ACCEPTED: "accepted",
    Outcome.PARTLY: "partly",
    Outcome.QUARANTINED: "quarantined",
}
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
        name = _NAMES.get(file.outcome, "left_out") if file.outcome else "left_out"
        day = file.done_at.astimezone(UTC).date().isoformat()
        days[file.feed, day].update(
            {
                name: 1,
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
