"""Batches: which files are loaded together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched

from sqlalchemy import (
    Connection,
    RowMapping,
    insert,
    select,
    update,
)

from connectors.ledger.batch_files import IN_ORDER, choose
from connectors.ledger.corrections import corrections_moved
from connectors.ledger.database import Database
from connectors.ledger.feeds import clear_request
from connectors.ledger.generations import drawn, last_commit, note_committed
from connectors.ledger.records import file_of, write_events
from connectors.ledger.tables import OPEN, batches, files
from connectors.ledger.versions import loaded, note_covered, stay_loaded, unloaded
from schemas.batch import Batch, BatchKind, BatchStatus, Committed, OpenBatch, batch_id_of
from schemas.drift import base_of
from schemas.errors import LeaseLostError, RetryableError
from schemas.file import TRANSITIONS, Event, File, Outcome, Status
from schemas.language import params_of

_AT_ONCE = 500


class Batches:
    """The batches of the ledger. A feed has at most one open batch a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        feed: str,
        table: str,
        max_files: int,
        max_bytes: int,
        max_partitions: int | None = None,
        version: str | None = None,
    ) -> Batch | None:
        with self._database.write() as connection:
            clear_request(connection, feed)
            row = _open_row(connection, feed, table)
            if row is not None:
                return _batch_of(connection, row)
            chosen = choose(connection, feed, max_files, max_bytes, max_partitions)
            if not chosen or not _staged_by(version, chosen[0]):
                return None
            batch = _new(connection, feed, table, chosen, self._database.now())
            _write(connection, batch, chosen)
            loading = (
                replace(file, status=Status.LOADING, batch_id=batch.batch_id) for file in chosen
            )
            return replace(batch, files=tuple(loading))

    def open_unload(self, feed: str, table: str, file_ids: Collection[str]) -> Batch:
        with self._database.write() as connection:
            chosen = [
                file_of(row)
                for some in batched(sorted(file_ids), _AT_ONCE, strict=False)
                for row in connection.execute(
                    select(files).where(files.c.file_id.in_(some)).with_for_update()
                ).mappings()
            ]
            chosen.sort(key=File.order)
            row = _open_row(connection, feed, table)
            if row is not None:
                batch = _batch_of(connection, row)
                if batch.kind is BatchKind.UNLOAD and batch.files == tuple(chosen):
                    return batch
                raise RetryableError(
                    f"a batch of feed {feed} is under way", hint="try again in a minute"
                )
            for file in chosen:
                if not file.in_force or Status.UNLOADING not in TRANSITIONS[file.status]:
                    raise ValueError(f"{file.item.name} is {file.status}, not loaded")
            now = self._database.now()
            batch = _new(connection, feed, table, chosen, now, BatchKind.UNLOAD)
            _write(connection, batch, chosen)
            return replace(
                batch,
                files=tuple(
                    replace(file, status=Status.UNLOADING, batch_id=batch.batch_id)
                    for file in chosen
                ),
            )

    def next_attempt(self, batch: Batch) -> Batch:
        with self._database.write() as connection:
            row = _locked(connection, batch)
            if row["status"] != BatchStatus.OPEN:
                raise LeaseLostError(f"batch {batch.batch_id} is {row['status']} already")
            attempt = max(row["attempt"], batch.attempt + 1)
            connection.execute(
                update(batches).where(batches.c.batch_id == batch.batch_id).values(attempt=attempt)
            )
            return replace(batch, attempt=attempt)

    def commit(self, batch: Batch, committed: Committed, events: Iterable[Event]) -> None:
        removed = sum(removal.rows for removal in committed.removals)
        with self._database.write() as connection:
            if not self._finish(
                connection,
                batch,
                BatchStatus.COMMITTED,
                rows=committed.rows,
                rows_removed=removed,
            ):
                return
            note_committed(connection, batch)
            if batch.kind is BatchKind.UNLOAD:
                unloaded(connection, batch, self._database.now())
            else:
                loaded(connection, batch, self._database.now())
            note_covered(connection, batch, committed)
            corrections_moved(connection, batch, committed, self._database.now())
            write_events(connection, events)

    def abandon(self, batch: Batch, events: Iterable[Event], refusal: str | None = None) -> None:
        with self._database.write() as connection:
            if not self._finish(connection, batch, BatchStatus.ABANDONED):
                return
            if batch.kind is BatchKind.UNLOAD:
                stay_loaded(connection, batch)
                write_events(connection, events)
                return
            back = (
                update(files)
                .where(files.c.batch_id == batch.batch_id, files.c.status == Status.LOADING)
                # The attempts make the batch id, and an abandoned id must not come again.
                .values(status=Status.PREPARED, batch_id=None, attempt=files.c.attempt + 1)
            )
            if refusal is not None:
                back = back.values(
                    outcome=Outcome.QUARANTINED,
                    reason=refusal,
                    reason_params=params_of(refusal),
                    staged_keys=[],
                    partitions=[],
                    rows_loaded=0,
                    rows_rejected=files.c.rows_read,
                    rows_dropped=0,
                    rows_aggregated=0,
                )
            connection.execute(back)
            write_events(connection, events)

    def open_ids(self) -> Sequence[str]:
        with self._database.read() as connection:
            return list(connection.scalars(select(batches.c.batch_id).where(OPEN)))

    def under_way(self, feeds: Collection[str] | None) -> Sequence[OpenBatch]:
        query = select(batches).where(OPEN).order_by(batches.c.created_at, batches.c.batch_id)
        if feeds is not None:
            query = query.where(batches.c.feed.in_(sorted(feeds)))
        with self._database.read() as connection:
            return [
                OpenBatch(
                    batch_id=row.batch_id,
                    feed=row.feed,
                    table=row.table_name,
                    kind=BatchKind(row.kind),
                    created_at=row.created_at,
                )
                for row in connection.execute(query)
            ]

    def _finish(
        self, connection: Connection, batch: Batch, status: BatchStatus, **facts: int
    ) -> bool:
        """Close the open batch that way; False if it has been closed that way before."""
        row = _locked(connection, batch)
        if row["status"] == status:
            return False
        if row["status"] != BatchStatus.OPEN:
            raise LeaseLostError(f"batch {batch.batch_id} is {row['status']} already")
        connection.execute(
            update(batches)
            .where(batches.c.batch_id == batch.batch_id)
            .values(status=status, finished_at=self._database.now(), **facts)
        )
        return True


def _new(
    connection: Connection,
    feed: str,
    table: str,
    chosen: list[File],
    now: datetime,
    kind: BatchKind = BatchKind.LOAD,
) -> Batch:
    """A new batch of those files, with the table's next number."""
    number = drawn(connection, table)
    return Batch(
        batch_id=batch_id_of(table, chosen, kind, number),
        feed=feed,
        table=table,
        files=(),
        created_at=now,
        kind=kind,
        generation=number,
        **last_commit(connection, table),
    )


def _staged_by(version: str | None, file: File) -> bool:
    """Whether the contract of that version, extended or not, has staged the file, as far as is
    known."""
    return None in (version, file.contract_version) or base_of(file.contract_version) == version


def _open_row(connection: Connection, feed: str, table: str) -> RowMapping | None:
    """The row of the open batch, if there is one."""
    query = select(batches).where(batches.c.feed == feed, batches.c.table_name == table, OPEN)
    return connection.execute(query).mappings().first()


def _locked(connection: Connection, batch: Batch) -> RowMapping:
    """The batch's row, nobody else's to change in this transaction; raises KeyError."""
    query = select(batches).where(batches.c.batch_id == batch.batch_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise KeyError(batch.batch_id)
    return row


def _batch_of(connection: Connection, row: RowMapping) -> Batch:
    """The batch of a row, with its files as they are now."""
    query = select(files).where(files.c.batch_id == row["batch_id"]).order_by(*IN_ORDER)
    members = connection.execute(query).mappings()
    return Batch(
        batch_id=row["batch_id"],
        feed=row["feed"],
        table=row["table_name"],
        files=tuple(file_of(member) for member in members),
        attempt=row["attempt"],
        status=BatchStatus(row["status"]),
        created_at=row["created_at"],
        kind=BatchKind(row["kind"]),
        generation=row["generation"],
        **last_commit(connection, row["table_name"]),
    )


def _write(connection: Connection, batch: Batch, chosen: list[File]) -> None:
    """Write a new batch and take its files into it."""
    taken = Status.UNLOADING if batch.kind is BatchKind.UNLOAD else Status.LOADING
    connection.execute(
        insert(batches).values(
            batch_id=batch.batch_id,
            feed=batch.feed,
            table_name=batch.table,
            attempt=batch.attempt,
            status=batch.status,
            kind=batch.kind,
            created_at=batch.created_at,
            generation=batch.generation,
        )
    )
    for some in batched((file.file_id for file in chosen), _AT_ONCE, strict=False):
        connection.execute(
            update(files)
            .where(files.c.file_id.in_(some))
            .values(status=taken, batch_id=batch.batch_id)
        )
