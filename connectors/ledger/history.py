"""History: files that are through, page by page, and what may be forgotten of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from connectors.ledger.database import Database
from connectors.ledger.records import file_of
from connectors.ledger.tables import files
from schemas.file import File, Status

_COMMITTED = (Status.LOADED, Status.ACKNOWLEDGING, Status.DONE)


class History:
    """The files behind us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def loaded(self, feed: str, after: str, most: int) -> Sequence[File]:
        """The feed's files whose batch has committed and whose id is greater, by id."""
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
