"""Drifts: what differs between a feed's files and its contract."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, RowMapping, case, select, update

from connectors.ledger.database import Database, insert_into
from connectors.ledger.tables import (
    HELD,
    contract_revisions,
    drift_senders,
    drifts,
    files,
    sightings,
)
from schemas.contract import Type
from schemas.contract_revision import sha256_of
from schemas.drift import (
    ContractChange,
    Drift,
    DriftKind,
    DriftStatus,
    Finding,
    Sighting,
    base_of,
    drift_id_of,
)
from schemas.file import File


class Drifts:
    """The drifts of the ledger, and the files that showed them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, file: File, findings: Sequence[Finding]) -> None:
        query = select(sightings.c.drift_id).where(sightings.c.file_id == file.file_id)
        with self._database.read() as connection:
            before = set(connection.scalars(query))
        if not findings and not before:
            return
        with self._database.write() as connection:
            connection.execute(
                update(sightings)
                .where(sightings.c.file_id == file.file_id)
                .values(is_current=False)
            )
            # In one order, so that two files at once cannot wait for each other.
            for drift_id, finding in sorted(
                {drift_id_of(file.feed, each): each for each in findings}.items()
            ):
                self._note(connection, file, drift_id, finding, drift_id not in before)

    def _note(
        self, connection: Connection, file: File, drift_id: str, finding: Finding, new: bool
    ) -> None:
        now, plain = self._database.now(), _plain(finding)
        # Locked: whoever accepts it meanwhile is waited for, or waits.
        known = select(drifts.c.status).where(drifts.c.drift_id == drift_id).with_for_update()
        accepted = drifts.c.status == DriftStatus.ACCEPTED
        again = DriftStatus.OPEN
        if connection.scalar(known) == DriftStatus.ACCEPTED and _is_past(
            connection, file, drift_id, finding
        ):
            again = DriftStatus.ACCEPTED
        connection.execute(
            insert_into(connection, drifts)
            .values(
                drift_id=drift_id,
                feed=file.feed,
                finding=plain,
                status=DriftStatus.OPEN,
                first_seen=now,
                last_seen=now,
                files=1,
            )
            .on_conflict_do_update(
                index_elements=["drift_id"],
                set_={
                    "finding": plain,
                    "last_seen": now,
                    "files": drifts.c.files + (1 if new else 0),
                    "status": case((accepted, again), else_=drifts.c.status),
                },
            )
        )
        if new and file.item.sender is not None:
            sender = insert_into(connection, drift_senders).values(
                drift_id=drift_id, sender=_hash_of(file.item.sender)
            )
            is_first = sender.on_conflict_do_nothing().returning(drift_senders.c.sender)
            if connection.scalar(is_first) is not None:
                mine = update(drifts).where(drifts.c.drift_id == drift_id)
                connection.execute(mine.values(senders=drifts.c.senders + 1))
        seen = {"finding": plain, "is_held": finding.held, "is_current": True}
        connection.execute(
            insert_into(connection, sightings)
            .values(drift_id=drift_id, file_id=file.file_id, **seen)
            .on_conflict_do_update(index_elements=["drift_id", "file_id"], set_=seen)
        )

    def latest(self, feed: str | None = None, status: DriftStatus | None = None) -> Sequence[Drift]:
        query = select(drifts).order_by(drifts.c.last_seen.desc(), drifts.c.drift_id)
        if feed is not None:
            query = query.where(drifts.c.feed == feed)
        if status is not None:
            query = query.where(drifts.c.status == status)
        waiting = select(sightings.c.drift_id, sightings.c.file_id).where(HELD)
        held: dict[str, list[str]] = defaultdict(list)
        with self._database.read() as connection:
            for drift_id, file_id in connection.execute(waiting.order_by(sightings.c.file_id)):
                held[drift_id].append(file_id)
            rows = connection.execute(query).mappings()
            return [_drift_of(row, held[row["drift_id"]]) for row in rows]

    def held_findings(self, drift_id: str) -> Sequence[Finding]:
        query = select(sightings.c.finding).where(sightings.c.drift_id == drift_id, HELD)
        with self._database.read() as connection:
            found = connection.scalars(query.order_by(sightings.c.file_id))
            return [_finding_of(each) for each in found]

    def decide(self, drift_id: str, status: DriftStatus) -> None:
        with self._database.write() as connection:
            done = connection.execute(
                update(drifts).where(drifts.c.drift_id == drift_id).values(status=status)
            )
            if not done.rowcount:
                raise KeyError(drift_id)

    def latest_file(self, drift_id: str) -> str | None:
        query = (
            select(sightings.c.file_id)
            .join(files, files.c.file_id == sightings.c.file_id)
            .where(sightings.c.drift_id == drift_id, sightings.c.is_current)
            .order_by(files.c.discovered_at.desc(), files.c.file_id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.scalar(query)

    def sightings(self, file_id: str) -> Sequence[Sighting]:
        query = (
            select(sightings.c.drift_id, sightings.c.finding, drifts.c.status)
            .join(drifts, drifts.c.drift_id == sightings.c.drift_id)
            .where(sightings.c.file_id == file_id, sightings.c.is_current)
            .order_by(sightings.c.drift_id)
        )
        with self._database.read() as connection:
            return [
                Sighting(
                    drift_id=drift_id, finding=_finding_of(finding), status=DriftStatus(status)
                )
                for drift_id, finding, status in connection.execute(query)
            ]


def _is_past(connection: Connection, file: File, drift_id: str, finding: Finding) -> bool:
    """Whether the file was judged before the drift was accepted: by a contract older than the
    revision that was made for it, or, where there was nothing to write, without knowing of it."""
    revisions = contract_revisions.c
    made_for_it = select(revisions.contract, revisions.number).where(revisions.drift_id == drift_id)
    made = connection.execute(made_for_it.order_by(revisions.position.desc())).first()
    if made is None:
        return finding.kind is DriftKind.MISSING and finding.change is None
    texts = select(revisions.number, revisions.text).where(revisions.contract == made.contract)
    judged_by = base_of(file.contract_version)
    for number, text in connection.execute(texts.order_by(revisions.number.desc())):
        if text is not None and sha256_of(text).startswith(judged_by):
            return bool(number < made.number)
    return False


def _hash_of(sender: str) -> str:
    return hashlib.sha256(sender.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(finding: Finding) -> dict[str, Any]:
    """The finding as JSON holds it."""
    return asdict(finding)


def _finding_of(plain: dict[str, Any]) -> Finding:
    change = plain["change"]
    if change is not None:
        change = ContractChange(
            column=change["column"],
            type=Type(change["type"]) if change["type"] else None,
            required=change["required"],
            headers=tuple(change["headers"]),
            formats=tuple(change["formats"]),
        )
    return Finding(**{**plain, "kind": DriftKind(plain["kind"]), "change": change})


def _drift_of(row: RowMapping, held: Sequence[str]) -> Drift:
    return Drift(
        drift_id=row["drift_id"],
        feed=row["feed"],
        finding=_finding_of(row["finding"]),
        status=DriftStatus(row["status"]),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        files=row["files"],
        senders=row["senders"],
        held=tuple(held),
    )
