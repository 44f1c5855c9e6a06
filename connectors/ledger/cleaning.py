"""Cleaning: finished files, page by page, and deleting what is no longer needed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, delete, exists, or_, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.drafts import forget_drafts
from connectors.ledger.records import file_of
from connectors.ledger.tables import (
    BUNDLED,
    COVERED,
    DONE,
    UNPOSTED,
    admissions,
    cleaned,
    contents,
    events,
    files,
    holds,
    moves,
    posts,
    profiles,
    receipt_links,
    replies,
    sightings,
    table_locks,
)
from schemas.file import AT_REST, File, Status
from schemas.reply import OWED_REPLIES

_OF_FILES = (
    events, contents, sightings, profiles, holds, admissions, replies, receipt_links, posts, moves,
    files,
)  # fmt: skip
_COMMITTED = (Status.LOADED, Status.ACKNOWLEDGING, Status.DONE)


class History:
    """The files behind us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def loaded(self, feed: str, after: str, most: int) -> Sequence[File]:
        query = (
            select(files)
            .where(
                files.c.file_id > after,
                files.c.feed == feed,
                files.c.status.in_(_COMMITTED),
                files.c.batch_id.is_not(None),
            )
            .order_by(files.c.file_id)
            .limit(most)
        )
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]

    def at_rest(self, feed: str, after: str, most: int) -> Sequence[File]:
        """The feed's files with which nothing more happens and whose id is greater, by id."""
        query = (
            select(files)
            .where(files.c.file_id > after, files.c.feed == feed, files.c.status.in_(AT_REST))
            .order_by(files.c.file_id)
            .limit(most)
        )
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]

    def done_before(
        self, before: datetime, after: tuple[datetime, str] | None, most: int
    ) -> Sequence[File]:
        query = (
            select(files)
            .where(DONE, files.c.done_at < before)
            .order_by(files.c.done_at, files.c.file_id)
            .limit(most)
        )
        if after is not None:
            at, file_id = after
            later = and_(files.c.done_at == at, files.c.file_id > file_id)
            query = query.where(files.c.done_at >= at, or_(files.c.done_at > at, later))
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]

    def cleaned_to(self, kind: str) -> tuple[datetime, str] | None:
        query = select(cleaned.c.done_at, cleaned.c.file_id).where(cleaned.c.kind == kind)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row[0], row[1]) if row is not None else None

    def set_cleaned(self, kind: str, file: File) -> None:
        values = {"done_at": file.done_at, "file_id": file.file_id}
        with self._database.write() as connection:
            statement = insert_into(connection, cleaned).values(kind=kind, **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["kind"], set_=values)
            )

    def landing_needed(self, key: str, before: datetime) -> bool:
        with self._database.read() as connection:
            return _needed(connection, key, before)

    def landing_shared(self, key: str, file_id: str) -> bool:
        return bool(self.landings_shared({key: file_id}))

    def landings_shared(self, owners: Mapping[str, str]) -> set[str]:
        shared: set[str] = set()
        with self._database.read() as connection:
            for key, file_id in owners.items():
                same = files.c.landing_key == key
                other = select(files.c.file_id).where(same, files.c.file_id != file_id)
                locked = select(table_locks.c.table_name).where(table_locks.c.table_name == key)
                if any(connection.execute(query.limit(1)).first() for query in (other, locked)):
                    shared.add(key)
        return shared

    def bundle_needed(self, bundle: str, before: datetime, *, rejects: bool = False) -> bool:
        needed = or_(files.c.status != Status.DONE, files.c.done_at >= before)
        if rejects:
            needed = or_(needed, files.c.rejects_key.is_not(None))
        query = select(files.c.file_id).where(files.c.bundle == bundle, BUNDLED, needed)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def forget_landing(self, key: str, before: datetime) -> bool:
        with self._database.write() as connection:
            if _needed(connection, key, before):
                return False
            statement = update(files).where(files.c.landing_key == key)
            connection.execute(statement.values(landing_key=None))
            return True

    def forget_rejects(self, file: File) -> bool:
        statement = (
            update(files)
            .where(
                files.c.file_id == file.file_id,
                files.c.attempt == file.attempt,
                files.c.status == Status.DONE,
            )
            .values(rejects_key=None)
        )
        with self._database.write() as connection:
            done = bool(connection.execute(statement).rowcount)
            if done:
                # Nothing can be corrected without them.
                forget_drafts(connection, [file.file_id])
            return done

    def uncovered(self, before: datetime, most: int) -> Sequence[File]:
        query = (
            select(files)
            .where(COVERED, ~files.c.in_force, DONE, files.c.done_at < before)
            .order_by(files.c.done_at, files.c.file_id)
            .limit(most)
        )
        with self._database.read() as connection:
            return [file_of(row) for row in connection.execute(query).mappings()]

    def forget_files(self, file_ids: Sequence[str]) -> int:
        if not file_ids:
            return 0
        with self._database.write() as connection:
            again = select(files.c.repeats).where(files.c.repeats.in_(file_ids))
            owed = select(replies.c.file_id).where(
                replies.c.file_id.in_(file_ids), replies.c.state.in_(OWED_REPLIES)
            )
            unposted = select(posts.c.file_id).where(posts.c.file_id.in_(file_ids), UNPOSTED)
            heirs = files.alias("heirs")
            heir_in_force = exists().where(
                heirs.c.file_id == files.c.superseded_by, heirs.c.in_force
            )
            query = select(files.c.file_id).where(
                files.c.file_id.in_(file_ids),
                DONE,
                ~files.c.in_force,
                ~heir_in_force,
                files.c.file_id.not_in(again),
                files.c.file_id.not_in(owed),
                files.c.file_id.not_in(unposted),
            )
            connection.execute(
                update(files)
                .where(files.c.file_id.in_(file_ids), DONE, files.c.in_force)
                .values(sender=None, detail={}, reason=None, reason_params=None)
            )
            gone = list(connection.scalars(query.with_for_update()))
            forget_drafts(connection, gone)
            for table in _OF_FILES:
                connection.execute(delete(table).where(table.c.file_id.in_(gone)))
            return len(gone)


def _needed(connection: Connection, key: str, before: datetime) -> bool:
    needed = or_(
        files.c.status != Status.DONE,
        files.c.done_at >= before,
        # Rows of it may come back from under others.
        and_(files.c.in_force, files.c.covered),
    )
    query = select(files.c.file_id).where(files.c.landing_key == key, needed).limit(1)
    return connection.execute(query).first() is not None
