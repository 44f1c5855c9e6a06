"""Contents: which file owns which bytes, so that the same bytes are loaded once a feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.file_rows import one_file
from connectors.ledger.tables import contents
from schemas.file import File, Outcome, Status


class Contents:
    """The SHA-256 of every feed's files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, file: File) -> str:
        return self.claim_many([file])[file.file_id]

    def claim_many(self, files: Sequence[File]) -> Mapping[str, str]:
        # In one order, so that two workers cannot wait for each other.
        claims = sorted(files, key=lambda file: (file.feed, file.sha256 or ""))
        for file in claims:
            if file.sha256 is None:
                raise ValueError(f"{file.item.name} has no SHA-256 yet")
        if not claims:
            return {}
        with self._database.write() as connection:
            connection.execute(
                insert_into(connection, contents).on_conflict_do_nothing(),
                [
                    {"feed": file.feed, "sha256": file.sha256, "file_id": file.file_id}
                    for file in claims
                ],
            )
            return {file.file_id: _owner_of(connection, file) for file in claims}

    def take(self, file: File) -> None:
        same = (contents.c.feed == file.feed, contents.c.sha256 == file.sha256)
        with self._database.write() as connection:
            connection.execute(update(contents).where(*same).values(file_id=file.file_id))


def _owner_of(connection: Connection, file: File) -> str:
    """The owner of the file's bytes, which is the file itself if the owner has given up."""
    same = (contents.c.feed == file.feed, contents.c.sha256 == file.sha256)
    query = select(contents.c.file_id).where(*same).with_for_update()
    owner: str = connection.scalars(query).one()
    if owner == file.file_id or not _gave_up(one_file(connection, owner, lock=True)):
        return owner
    connection.execute(update(contents).where(*same).values(file_id=file.file_id))
    return file.file_id


def _gave_up(owner: File) -> bool:
    """Whether the owner's rows are not in the table and will not come by themselves."""
    if owner.in_force:
        return False
    given_up = owner.outcome in (Outcome.QUARANTINED, Outcome.SUPERSEDED)
    left = owner.status in (Status.FAILED, Status.UNLOADING, Status.UNLOADED)
    return given_up or left or owner.superseded_by is not None
