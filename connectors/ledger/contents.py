"""Contents: which file owns which bytes, so that the same bytes are loaded once a feed."""

from __future__ import annotations

from sqlalchemy import select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.file_rows import one_file
from connectors.ledger.tables import contents
from schemas.file import File, Outcome, Status


class Contents:
    """The SHA-256 of every feed's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, file: File) -> str:
        if file.sha256 is None:
            raise ValueError(f"{file.item.name} has no SHA-256 yet")
        same = (contents.c.feed == file.feed, contents.c.sha256 == file.sha256)
        with self._database.write() as connection:
            connection.execute(
                insert_into(connection, contents)
                .values(feed=file.feed, sha256=file.sha256, file_id=file.file_id)
                .on_conflict_do_nothing()
            )
            owner: str = connection.scalars(
                select(contents.c.file_id).where(*same).with_for_update()
            ).one()
            if owner == file.file_id or not _gave_up(one_file(connection, owner, lock=True)):
                return owner
            connection.execute(update(contents).where(*same).values(file_id=file.file_id))
            return file.file_id

    def take(self, file: File) -> None:
        same = (contents.c.feed == file.feed, contents.c.sha256 == file.sha256)
        with self._database.write() as connection:
            connection.execute(update(contents).where(*same).values(file_id=file.file_id))


def _gave_up(owner: File) -> bool:
    """Whether the owner's rows are not in the table and will not come by themselves."""
    if owner.in_force:
        return False
    given_up = owner.outcome in (Outcome.QUARANTINED, Outcome.SUPERSEDED)
    left = owner.status in (Status.FAILED, Status.UNLOADING, Status.UNLOADED)
    return given_up or left or owner.superseded_by is not None
