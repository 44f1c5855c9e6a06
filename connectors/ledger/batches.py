"""Batches: which files are loaded together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import batched

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from connectors.ledger.corrections import corrections_moved
from connectors.ledger.database import Database
from connectors.ledger.feeds import clear_request
from connectors.ledger.generations import drawn, last_commit, note_committed
from connectors.ledger.records import file_of, write_events
from connectors.ledger.tables import OPEN, PREPARED, batches, files
from connectors.ledger.versions import loaded, note_covered, stay_loaded, unloaded
from schemas.batch import Batch, BatchKind, BatchStatus, Committed, batch_id_of
from schemas.errors import LeaseLostError, RetryableError
from schemas.file import TRANSITIONS, Event, File, Outcome, Status
from schemas.language import params_of
from schemas.limits import PARTITIONS_PER_JOB

_AT_ONCE = 500
_IN_ORDER = (files.c.sent_at, files.c.key, files.c.discovered_at, files.c.file_id)


class Batches:
    """The batches of the ledger. A feed has at most one open batch a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_batch(self, feed: str, table: str, max_files: int, max_bytes: int) -> Batch | None:
        """The table's open batch for the feed, or a new one of its prepared files; None if none.

        Files of one batch share a contract version and are ordered by `sent_at`. Clears the
        request noted by `request_load`.
        """
        with self._database.write() as connection:
            clear_request(connection, feed)
            row = _open_row(connection, feed, table)
            if row is not None:
                return _batch_of(connection, row)
            chosen = _choose(connection, feed, max_files, max_bytes)
            if not chosen:
                return None
            batch = _new(connection, feed, table, chosen, self._database.now())
            _write(connection, batch, chosen)
            loading = (
                replace(file, status=Status.LOADING, batch_id=batch.batch_id) for file in chosen
            )
            return replace(batch, files=tuple(loading))

    def open_unload(self, feed: str, table: str, file_ids: Collection[str]) -> Batch:
        """A batch that takes out the rows of those files, which must be in force; if it is open
        already, that one.

        Raises RetryableError while another batch of the feed is open, and ValueError naming a file
        that cannot be unloaded.
        """
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
        """Raise the batch's attempt, after the earlier one is known to have failed.

        If another load has raised it meanwhile, its attempt is returned. Raises LeaseLostError
        for a batch that is no longer open.
        """
        with self._database.write() as connection:
            row = _locked(connection, batch)
            if row["status"] != BatchStatus.OPEN:
                raise LeaseLostError(f"batch {batch.batch_id} is {row['status']} already")
            attempt = max(row["attempt"], batch.attempt + 1)
            connection.execute(
                update(batches).where(batches.c.batch_id == batch.batch_id).values(attempt=attempt)
            )
            return replace(batch, attempt=attempt)

    def commit_batch(self, batch: Batch, committed: Committed, events: Iterable[Event]) -> None:
        """Mark the batch committed and its files loaded (or unloaded), together. Safe to repeat.

        Files whose outcome was settled with the batch get it; files that it superseded are no
        longer in force, and copies of them, which repeat nothing now, start again. Raises
        LeaseLostError for a batch that was abandoned.
        """
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

    def abandon_batch(
        self, batch: Batch, events: Iterable[Event], refusal: str | None = None
    ) -> None:
        """Give up an open batch: its files go back to PREPARED, to be batched anew.

        With a `refusal` they are quarantined for that reason: nothing of them is staged any more
        and all their rows count as rejected. Safe to repeat; raises LeaseLostError for a batch
        that was committed. Files to be unloaded stay loaded.
        """
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
    query = select(files).where(files.c.batch_id == row["batch_id"]).order_by(*_IN_ORDER)
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


def _choose(connection: Connection, feed: str, max_files: int, max_bytes: int) -> list[File]:
    """The oldest prepared files, up to the first that does not fit: at least one.

    None is passed over, neither for its size nor for its contract version, so that a newer version
    of a key is never loaded before an older one. What one sender mailed under one name is in
    versions too, each with a key of its own: a newer one waits until the older ones are prepared.
    """
    query = (
        select(files)
        .where(files.c.feed == feed, PREPARED, ~_waits_for_older())
        .order_by(*_IN_ORDER)
        .limit(max_files)
        .with_for_update()
    )
    chosen: list[File] = []
    partitions: set[str] = set()
    size = 0
    for row in connection.execute(query).mappings():
        file = file_of(row)
        size += file.size or 0
        partitions.update(file.partitions)
        full = size > max_bytes or len(partitions) > PARTITIONS_PER_JOB
        alone = file.corrects is not None or (chosen and chosen[0].corrects is not None)
        if chosen and (full or alone or file.contract_version != chosen[0].contract_version):
            break
        chosen.append(file)
    return chosen


def _waits_for_older() -> ColumnElement[bool]:
    """Whether a mailed file has an older namesake of its sender's that is not prepared yet."""
    older = files.alias("older")
    namesake = (
        older.c.feed == files.c.feed,
        older.c.name == files.c.name,
        older.c.sender == files.c.sender,
        older.c.sent_at < files.c.sent_at,
        # Written out, for an index that has only these.
        older.c.status.in_([literal_column("'discovered'"), literal_column("'preparing'")]),
    )
    return and_(files.c.item_group.is_not(None), exists().where(*namesake))


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
