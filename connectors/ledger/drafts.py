"""Drafts: corrections of rejected rows while they are being written."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import DRAFTED, draft_cells, drafts
from schemas.draft import (
    MAX_CELLS,
    MAX_CHARACTERS,
    CellChange,
    Draft,
    DraftCell,
    DraftChangedError,
    DraftConflictError,
    DraftFullError,
    DraftState,
)

_AT_ONCE = 500


class Drafts:
    """The drafts of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_of(self, file_id: str) -> Draft | None:
        query = select(drafts).where(drafts.c.file_id == file_id, DRAFTED)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _draft_of(row)

    def get(self, draft_id: str) -> Draft:
        with self._database.read() as connection:
            return _one(connection, draft_id)

    def submitted(self, file_id: str) -> Sequence[Draft]:
        query = (
            select(drafts)
            .where(drafts.c.file_id == file_id, drafts.c.state == DraftState.SUBMITTED)
            .order_by(drafts.c.created_at, drafts.c.draft_id)
        )
        with self._database.read() as connection:
            return [_draft_of(row) for row in connection.execute(query).mappings()]

    def cells(self, draft_id: str) -> Sequence[DraftCell]:
        query = select(draft_cells).where(draft_cells.c.draft_id == draft_id)
        query = query.order_by(draft_cells.c.member, draft_cells.c.line, draft_cells.c.cell_id)
        with self._database.read() as connection:
            return [_cell_of(row) for row in connection.execute(query).mappings()]

    def change(self, file_id: str, feed: str, changes: Sequence[CellChange], who: str) -> Draft:
        now = self._database.now()
        with self._database.write() as connection:
            statement = insert_into(connection, drafts).values(
                draft_id=secrets.token_hex(8), file_id=file_id, feed=feed, state=DraftState.OPEN,
                revision=0, created_at=now, updated_at=now,
            )  # fmt: skip
            connection.execute(statement.on_conflict_do_nothing())
            query = select(drafts).where(drafts.c.file_id == file_id, DRAFTED).with_for_update()
            draft = _draft_of(connection.execute(query).mappings().one())
            wanted = {each.cell_id: each for each in changes}
            known = _known(connection, draft, list(wanted))
            conflicts = tuple(
                (each, known.get(cell_id))
                for cell_id, each in wanted.items()
                if _differs(each, known.get(cell_id))
            )
            if conflicts:
                raise DraftConflictError(conflicts)
            new = {key: each for key, each in wanted.items() if _changes(each, known.get(key))}
            if not new:
                if not draft.revision:
                    connection.execute(delete(drafts).where(drafts.c.draft_id == draft.draft_id))
                return draft
            revision = draft.revision + 1
            for some in batched(new, _AT_ONCE, strict=False):
                connection.execute(
                    delete(draft_cells).where(
                        draft_cells.c.draft_id == draft.draft_id, draft_cells.c.cell_id.in_(some)
                    )
                )
            rows = [
                {
                    "draft_id": draft.draft_id, "cell_id": key, "member": each.member,
                    "line": each.line, "column": each.column, "value": each.value, "who": who,
                    "at": now, "revision": revision,
                }
                for key, each in new.items()
                if each.value is not None
            ]  # fmt: skip
            if rows:
                connection.execute(insert(draft_cells), rows)
            _refuse_full(connection, draft)
            mine = drafts.c.draft_id == draft.draft_id
            connection.execute(update(drafts).where(mine).values(revision=revision, updated_at=now))
            return _one(connection, draft.draft_id)

    def note_check(self, draft: Draft, found: Mapping[str, Any]) -> bool:
        with self._database.write() as connection:
            same = (drafts.c.draft_id == draft.draft_id, DRAFTED)
            statement = update(drafts).where(*same, drafts.c.revision == draft.revision)
            return bool(connection.execute(statement.values(checked=dict(found))).rowcount)

    def submit(self, draft: Draft, who: str, role: str | None) -> Draft:
        with self._database.write() as connection:
            same = (drafts.c.draft_id == draft.draft_id, DRAFTED)
            statement = update(drafts).where(*same, drafts.c.revision == draft.revision)
            done = connection.execute(
                statement.values(
                    state=DraftState.SUBMITTED, submitted_at=self._database.now(),
                    submitted_by=who, role=role, checked=None,
                )
            )  # fmt: skip
            if not done.rowcount:
                raise DraftChangedError
            return _one(connection, draft.draft_id)

    def reopen(self, draft: Draft) -> Draft:
        mine = drafts.c.draft_id == draft.draft_id
        with self._database.write() as connection:
            query = select(drafts).where(drafts.c.file_id == draft.file_id, DRAFTED)
            row = connection.execute(query.with_for_update()).mappings().first()
            if row is None:
                back = {"state": DraftState.OPEN, "updated_at": self._database.now()}
                gone = dict.fromkeys(("submitted_at", "submitted_by", "role"))
                connection.execute(update(drafts).where(mine).values(**back, **gone))
                return _one(connection, draft.draft_id)
            newer = row["draft_id"]
            written = select(draft_cells.c.cell_id).where(draft_cells.c.draft_id == newer)
            connection.execute(
                update(draft_cells)
                .where(draft_cells.c.draft_id == draft.draft_id)
                .where(draft_cells.c.cell_id.not_in(written))
                .values(draft_id=newer, revision=row["revision"] + 1)
            )
            connection.execute(
                update(drafts)
                .where(drafts.c.draft_id == newer)
                .values(revision=drafts.c.revision + 1)
            )
            for table in (draft_cells, drafts):
                connection.execute(delete(table).where(table.c.draft_id == draft.draft_id))
            return _one(connection, newer)

    def discard(self, draft: Draft) -> None:
        with self._database.write() as connection:
            query = select(drafts.c.draft_id).where(
                drafts.c.draft_id == draft.draft_id,
                DRAFTED,
                drafts.c.revision == draft.revision,
            )
            if connection.execute(query.with_for_update()).first() is None:
                raise DraftChangedError
            for table in (draft_cells, drafts):
                connection.execute(delete(table).where(table.c.draft_id == draft.draft_id))


def forget_drafts(connection: Connection, file_ids: Sequence[str]) -> None:
    """Delete all drafts of files, with what was written in them."""
    for some in batched(file_ids, _AT_ONCE, strict=False):
        own = select(drafts.c.draft_id).where(drafts.c.file_id.in_(some))
        connection.execute(delete(draft_cells).where(draft_cells.c.draft_id.in_(own)))
        connection.execute(delete(drafts).where(drafts.c.file_id.in_(some)))


def _differs(change: CellChange, now: DraftCell | None) -> bool:
    """Whether the cell is not as it was seen, nor already as it is to be."""
    if change.value == (None if now is None else now.value):
        return False
    return change.revision != (0 if now is None else now.revision)


def _changes(change: CellChange, now: DraftCell | None) -> bool:
    return change.value != (None if now is None else now.value)


def _known(connection: Connection, draft: Draft, cell_ids: Sequence[str]) -> dict[str, DraftCell]:
    found = {}
    for some in batched(cell_ids, _AT_ONCE, strict=False):
        query = select(draft_cells).where(
            draft_cells.c.draft_id == draft.draft_id, draft_cells.c.cell_id.in_(some)
        )
        for row in connection.execute(query).mappings():
            found[row["cell_id"]] = _cell_of(row)
    return found


def _refuse_full(connection: Connection, draft: Draft) -> None:
    query = select(func.count(), func.coalesce(func.sum(func.length(draft_cells.c.value)), 0))
    cells, characters = connection.execute(
        query.where(draft_cells.c.draft_id == draft.draft_id)
    ).one()
    if cells > MAX_CELLS or characters > MAX_CHARACTERS:
        raise DraftFullError


def _one(connection: Connection, draft_id: str) -> Draft:
    query = select(drafts).where(drafts.c.draft_id == draft_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise KeyError(draft_id)
    return _draft_of(row)


def _draft_of(row: RowMapping) -> Draft:
    return Draft(**{**row, "state": DraftState(row["state"])})


def _cell_of(row: RowMapping) -> DraftCell:
    facts = dict(row)
    for each in ("draft_id", "cell_id"):
        facts.pop(each)
    return DraftCell(**facts)
