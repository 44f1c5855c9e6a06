"""Holds: files that wait for a person to let them in, and what each sender has sent a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, func, insert, select, update

from connectors.ledger.database import Database
from connectors.ledger.feeds import ensure_feed
from connectors.ledger.file_rows import one_file
from connectors.ledger.leases import advanced
from connectors.ledger.records import write_events
from connectors.ledger.tables import UNRELEASED, admissions, feeds, files, holds
from schemas.file import Event, File, Status
from schemas.trust import Cause, Hold


class Holds:
    """Files that were not let in by themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, file: File, cause: Cause, event: Event) -> File:
        now = self._database.now()
        with self._database.write() as connection:
            there = advanced(connection, file, event, now)
            facts: dict[str, Any] = {
                "feed": file.feed,
                "cause": cause,
                "reason": file.reason or "",
                "held_at": now,
            }
            connection.execute(insert(holds).values(file_id=file.file_id, **facts))
        return there

    def release(self, file_id: str, who: str) -> File:
        now = self._database.now()
        with self._database.write() as connection:
            file = one_file(connection, file_id, lock=True)
            if file.status is not Status.HELD:
                raise ValueError(f"{file.item.name} is {file.status}, it is not held")
            connection.execute(
                update(holds)
                .where(holds.c.file_id == file_id)
                .values(released_at=now, released_by=who)
            )
            connection.execute(
                update(files)
                .where(files.c.file_id == file_id)
                .values(
                    status=Status.DISCOVERED,
                    tries=0,
                    retry_at=None,
                    reason=None,
                    reason_params=None,
                )
            )
            event = Event(
                file_id=file_id, at=now, step="trust", outcome="released", message=f"by {who}"
            )
            write_events(connection, [event])
            return one_file(connection, file_id)

    def of(self, file_id: str) -> Hold | None:
        query = select(holds).where(holds.c.file_id == file_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return _hold_of(row) if row is not None else None

    def latest(self, feed: str | None = None, *, over: bool = False) -> Sequence[Hold]:
        query = select(holds).order_by(holds.c.held_at.desc(), holds.c.file_id)
        if not over:
            query = query.where(UNRELEASED)
        if feed is not None:
            query = query.where(holds.c.feed == feed)
        with self._database.read() as connection:
            return [_hold_of(row) for row in connection.execute(query).mappings()]

    def count_against_sender_quota(
        self, file: File, sender: str, day: str, files: int | None, size: int | None
    ) -> bool:
        own = file.size or 0
        same = (
            admissions.c.feed == file.feed,
            admissions.c.sender == sender,
            admissions.c.day == day,
        )
        sums = select(func.count(), func.coalesce(func.sum(admissions.c.size), 0)).where(*same)
        counted = select(admissions.c.file_id).where(admissions.c.file_id == file.file_id)
        with self._database.write() as connection:
            # Whoever counts for the feed at the same time waits here, and then sees this one.
            ensure_feed(connection, file.feed)
            connection.execute(
                select(feeds.c.feed).where(feeds.c.feed == file.feed).with_for_update()
            )
            if connection.scalar(counted) is not None:
                return True
            number, total = connection.execute(sums).one()
            if files is not None and number + 1 > files:
                return False
            if size is not None and int(total) + own > size:
                return False
            facts = {"feed": file.feed, "sender": sender, "day": day, "size": own}
            connection.execute(insert(admissions).values(file_id=file.file_id, **facts))
            return True


def _hold_of(row: RowMapping) -> Hold:
    return Hold(**{**row, "cause": Cause(row["cause"])})
