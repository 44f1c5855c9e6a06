"""Receipt links: the nonce of each file's link, and whether it is revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import batched

from sqlalchemy import select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import receipt_links as table
from schemas.receipt_link import FileLink

_AT_ONCE = 500


class ReceiptLinks:
    """The links of files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, file_id: str) -> FileLink | None:
        query = select(table).where(table.c.file_id == file_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return FileLink(**row) if row is not None else None

    def mint(
        self, nonces: Mapping[str, str], expires_at: datetime, renew_before: datetime
    ) -> Mapping[str, FileLink]:
        if not nonces:
            return {}
        now, found = self._database.now(), dict[str, FileLink]()
        rows = [
            {"file_id": file_id, "nonce": nonce, "minted_at": now, "expires_at": expires_at}
            for file_id, nonce in nonces.items()
        ]
        with self._database.write() as connection:
            connection.execute(insert_into(connection, table).on_conflict_do_nothing(), rows)
            for some in batched(nonces, _AT_ONCE, strict=False):
                ours = table.c.file_id.in_(some)
                old = update(table).where(ours, table.c.expires_at < renew_before)
                connection.execute(old.values(expires_at=expires_at))
                for row in connection.execute(select(table).where(ours)).mappings():
                    found[row["file_id"]] = FileLink(**row)
        return found

    def renew(self, file_id: str, nonce: str, expires_at: datetime) -> FileLink:
        values = {
            "nonce": nonce,
            "minted_at": self._database.now(),
            "expires_at": expires_at,
            "revoked_at": None,
            "revoked_by": None,
        }
        with self._database.write() as connection:
            statement = insert_into(connection, table).values(file_id=file_id, **values)
            statement = statement.on_conflict_do_update(index_elements=["file_id"], set_=values)
            connection.execute(statement)
        return FileLink(file_id=file_id, **values)  # type: ignore[arg-type]

    def revoke(self, file_id: str, who: str) -> bool:
        now = self._database.now()
        revoked = {"nonce": None, "revoked_at": now, "revoked_by": who}
        row = {"file_id": file_id, "minted_at": now, "expires_at": now, **revoked}
        with self._database.write() as connection:
            statement = insert_into(connection, table).values(row).on_conflict_do_nothing()
            if connection.scalar(statement.returning(table.c.file_id)) is not None:
                return True
            live = (table.c.file_id == file_id, table.c.nonce.is_not(None))
            return bool(connection.execute(update(table).where(*live).values(**revoked)).rowcount)
