"""Recovery: a ledger that has lost files learns of them again from what the warehouse recorded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from connectors.ledger.daily_counts import count_ended, count_no_more
from connectors.ledger.database import Database, insert_into
from connectors.ledger.file_rows import start_again
from connectors.ledger.records import facts_of, file_of, row_of, write_events
from connectors.ledger.tables import OPEN, batches, contents, files
from schemas.batch import BatchKind, BatchStatus
from schemas.file import BRINGING, Event, File, Status
from schemas.item import Item
from schemas.recorded import Learned, Recorded

_AT_ONCE = 500


class Recovery:
    """Brings the ledger to what the warehouse has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def learn(self, recorded: Recorded, landing_key: str | None, *, dry_run: bool) -> Learned:
        now = self._database.now()
        with self._database.write() as connection:
            row = (
                connection.execute(
                    select(files).where(files.c.file_id == recorded.file_id).with_for_update()
                )
                .mappings()
                .first()
            )
            known = file_of(row) if row is not None else None
            if known is not None and _agrees(known, recorded):
                return Learned.SAME
            learned = Learned.NEW if known is None else Learned.CORRECTED
            if dry_run:
                return learned
            _note_batch(connection, recorded)
            if known is not None:
                count_no_more(connection, known)
            else:
                connection.execute(insert(files).values(**_first_row(recorded)))
            now_known = (
                update(files)
                .where(files.c.file_id == recorded.file_id)
                .values(**_facts(recorded, known, landing_key))
                .returning(*files.c)
            )
            there = file_of(connection.execute(now_known).mappings().one())
            if there.status is Status.DONE:
                count_ended(connection, [there])
            if recorded.in_force and recorded.sha256 is not None:
                _own(connection, recorded)
            message = f"as recorded by the warehouse with batch {recorded.batch_id}"
            event = Event(
                file_id=recorded.file_id,
                at=now,
                step="reconcile",
                outcome=str(recorded.outcome),
                message=message,
            )
            write_events(connection, [event])
        return learned

    def load_again(self, file_ids: Sequence[str], in_force: Collection[str]) -> None:
        now = self._database.now()
        with self._database.write() as connection:
            for file_id in file_ids:
                row = connection.execute(select(files).where(files.c.file_id == file_id)).mappings()
                start_again(
                    connection, file_of(row.one()), now, quiet=True, why="the warehouse has lost it"
                )
                connection.execute(
                    update(files)
                    .where(files.c.file_id == file_id)
                    .values(in_force=file_id in in_force)
                )

    def close_batches(self, table: str, committed: Collection[str]) -> Sequence[str]:
        given_up: list[str] = []
        with self._database.write() as connection:
            found = connection.execute(
                select(batches.c.batch_id, batches.c.kind).where(
                    batches.c.table_name == table, OPEN
                )
            ).all()
            for batch_id, kind in found:
                is_done = batch_id in committed
                connection.execute(
                    update(batches)
                    .where(batches.c.batch_id == batch_id)
                    .values(
                        status=BatchStatus.COMMITTED if is_done else BatchStatus.ABANDONED,
                        finished_at=self._database.now(),
                    )
                )
                if kind == BatchKind.UNLOAD and not is_done:
                    given_up += connection.scalars(
                        select(files.c.file_id).where(
                            files.c.batch_id == batch_id, files.c.status == Status.UNLOADING
                        )
                    )
                _set_free(connection, batch_id)
        return given_up


def _set_free(connection: Connection, batch_id: str) -> None:
    """Take a batch's files out of it that are still on their way with it. The attempts make the
    batch id, and one that has ended must not come again."""
    for status, back in ((Status.LOADING, Status.PREPARED), (Status.UNLOADING, Status.DONE)):
        connection.execute(
            update(files)
            .where(files.c.batch_id == batch_id, files.c.status == status)
            .values(status=back, batch_id=None, attempt=files.c.attempt + 1)
        )


def _agrees(known: File, recorded: Recorded) -> bool:
    """Whether the ledger has the same load of the file, and the same of its standing."""
    return (
        known.batch_id == recorded.batch_id
        and known.in_force == recorded.in_force
        and known.status
        in (Status.LOADED, Status.ACKNOWLEDGING, Status.DONE, Status.FAILED, Status.UNLOADED)
    ) or (known.status is Status.UNLOADED and not recorded.in_force)


def _first_row(recorded: Recorded) -> dict[str, object]:
    item = Item(
        key=recorded.key,
        version=recorded.version,
        name=recorded.name,
        sent_at=recorded.sent_at,
        sender=recorded.sender,
    )
    return row_of(
        recorded.file_id, recorded.feed, recorded.source, item, recorded.loaded_at, past=False
    )


def _facts(recorded: Recorded, known: File | None, landing_key: str | None) -> dict[str, object]:
    """What the record says, by column. The place among the loads is the warehouse's own."""
    done_at: datetime = recorded.loaded_at
    file = File(
        file_id=recorded.file_id,
        feed=recorded.feed,
        source=recorded.source,
        item=Item(key=recorded.key, version=recorded.version, name="", sent_at=recorded.sent_at),
        status=Status.DONE,
        outcome=recorded.outcome,
        done_at=done_at,
        sha256=recorded.sha256,
        size=known.size if known is not None else None,
        landing_key=landing_key,
        partitions=recorded.partitions,
        contract_version=recorded.contract_version,
        counts=recorded.counts,
        accounted=recorded.accounted,
        repeats=recorded.repeats,
        reason=recorded.reason,
        superseded_by=recorded.superseded_by,
        corrects=recorded.corrects,
    )
    left = recorded.outcome in BRINGING and not recorded.in_force
    was_unloaded = left and recorded.superseded_by is None
    return {
        **facts_of(file),
        "status": Status.UNLOADED if was_unloaded else Status.DONE,
        "owner": None,
        "lease_until": None,
        "tries": 0,
        "batch_id": recorded.batch_id,
        "in_force": recorded.in_force,
        # Whether rows of it lie beneath others is not looked up: its bytes are kept.
        "covered": recorded.in_force,
    }


def _note_batch(connection: Connection, recorded: Recorded) -> None:
    values = {
        "feed": recorded.feed,
        "table_name": recorded.table,
        "attempt": 1,
        "status": BatchStatus.COMMITTED,
        "kind": BatchKind.LOAD,
        "created_at": recorded.loaded_at,
        "finished_at": recorded.loaded_at,
    }
    statement = insert_into(connection, batches).values(batch_id=recorded.batch_id, **values)
    connection.execute(statement.on_conflict_do_nothing())


def _own(connection: Connection, recorded: Recorded) -> None:
    statement = insert_into(connection, contents).values(
        feed=recorded.feed, sha256=recorded.sha256, file_id=recorded.file_id
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["feed", "sha256"], set_={"file_id": recorded.file_id}
        )
    )
