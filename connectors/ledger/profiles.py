"""Profiles: what the columns of a feed's latest files looked like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import and_, delete, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import profiles
from schemas.drift import (
    KEPT_PROFILES,
    Profile,
    Profiles,
)
from schemas.file import File


class FileProfiles:
    """The profiles of files' columns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, file: File, columns: Mapping[str, Profile]) -> None:
        self.save_many(file.feed, {file.file_id: columns})

    def save_many(self, feed: str, files: Mapping[str, Mapping[str, Profile]]) -> None:
        now = self._database.now()
        rows = [
            {
                "feed": feed,
                "file_id": file_id,
                "at": now,
                "columns": {name: asdict(each) for name, each in columns.items()},
            }
            for file_id, columns in files.items()
            if columns
        ]
        if not rows:
            return
        newest = (
            select(profiles.c.file_id)
            .where(profiles.c.feed == feed)
            .order_by(profiles.c.at.desc(), profiles.c.file_id)
            .limit(KEPT_PROFILES)
        )
        with self._database.write() as connection:
            insert = insert_into(connection, profiles)
            facts = {"at": insert.excluded.at, "columns": insert.excluded.columns}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["feed", "file_id"], set_=facts), rows
            )
            connection.execute(
                delete(profiles).where(profiles.c.feed == feed, profiles.c.file_id.not_in(newest))
            )

    def of(self, feed: str, but: str) -> Profiles:
        query = (
            select(profiles.c.columns)
            .where(and_(profiles.c.feed == feed, profiles.c.file_id != but))
            .order_by(profiles.c.at.desc())
        )
        found: dict[str, list[Profile]] = defaultdict(list)
        with self._database.read() as connection:
            for columns in connection.scalars(query):
                for name, facts in columns.items():
                    found[name].append(Profile(**facts))
        return dict(found)

    def forget(self, feed: str, column: str) -> None:
        query = (
            select(profiles.c.file_id, profiles.c.columns)
            .where(profiles.c.feed == feed)
            .order_by(profiles.c.at.desc())
            .with_for_update()
        )
        with self._database.write() as connection:
            for file_id, columns in connection.execute(query).all()[1:]:
                if columns.pop(column, None) is not None:
                    same = and_(profiles.c.feed == feed, profiles.c.file_id == file_id)
                    connection.execute(update(profiles).where(same).values(columns=columns))
