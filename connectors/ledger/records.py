"""Between the ledger's rows and the records that flow between stages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert

from connectors.ledger.tables import events as events_table
from schemas.accounted import Accounted
from schemas.file import Counts, Event, File, Outcome, Status
from schemas.item import Item
from schemas.language import kept, params_of
from schemas.left_document import LeftDocument


def file_of(row: RowMapping) -> File:
    """The file that a whole row of the files table holds."""
    return File(
        file_id=row["file_id"],
        feed=row["feed"],
        source=row["source"],
        item=Item(
            key=row["key"],
            version=row["version"],
            name=row["name"],
            sent_at=row["sent_at"],
            size=row["item_size"],
            sender=row["sender"],
            group=row["item_group"],
            detail=row["detail"],
        ),
        status=Status(row["status"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] is not None else None,
        attempt=row["attempt"],
        tries=row["tries"],
        owner=row["owner"],
        lease_until=row["lease_until"],
        retry_at=row["retry_at"],
        discovered_at=row["discovered_at"],
        done_at=row["done_at"],
        sha256=row["sha256"],
        size=row["size"],
        landing_key=row["landing_key"],
        staged_keys=tuple(row["staged_keys"]),
        staged_bytes=row["staged_bytes"],
        rejects_key=row["rejects_key"],
        partitions=tuple(row["partitions"]),
        contract_version=row["contract_version"],
        counts=Counts(
            read=row["rows_read"],
            loaded=row["rows_loaded"],
            rejected=row["rows_rejected"],
            dropped=row["rows_dropped"],
            aggregated=row["rows_aggregated"],
        ),
        accounted=Accounted.from_json(row["accounted"]) if row["accounted"] else None,
        batch_id=row["batch_id"],
        repeats=row["repeats"],
        reason=kept(row["reason"], row["reason_params"]) if row["reason"] else row["reason"],
        in_force=row["in_force"],
        superseded_by=row["superseded_by"],
        placed_at=row["placed_at"],
        quiet=row["quiet"],
        covered=row["covered"],
        may_lose=row["may_lose"],
        corrects=row["corrects"],
        rows_corrected=row["rows_corrected"],
        bundle=row["bundle"],
        rejects_left=LeftDocument(**row["rejects_left"]) if row["rejects_left"] else None,
    )


def facts_of(file: File) -> dict[str, Any]:
    """What a stage found out about a file, by column.

    What the item is, the attempt, the batch, whether the file is in force and what was left beside
    it are not among them: those are the ledger's own.
    """
    return {
        "outcome": file.outcome,
        "retry_at": file.retry_at,
        "done_at": file.done_at,
        "sha256": file.sha256,
        "size": file.size,
        "landing_key": file.landing_key,
        "staged_keys": list(file.staged_keys),
        "staged_bytes": file.staged_bytes,
        "rejects_key": file.rejects_key,
        "partitions": list(file.partitions),
        "contract_version": file.contract_version,
        "rows_read": file.counts.read,
        "rows_loaded": file.counts.loaded,
        "rows_rejected": file.counts.rejected,
        "rows_dropped": file.counts.dropped,
        "rows_aggregated": file.counts.aggregated,
        "accounted": file.accounted.to_json() if file.accounted is not None else None,
        "repeats": file.repeats,
        "reason": file.reason,
        "reason_params": params_of(file.reason),
        "superseded_by": file.superseded_by,
        "corrects": file.corrects,
        "bundle": file.bundle,
    }


FACTS = tuple(
    facts_of(
        File(
            file_id="",
            feed="",
            source="",
            item=Item(key="", version="", name="", sent_at=datetime.min),
            status=Status.DISCOVERED,
        )
    )
)
"""The columns of what a stage finds out."""


def row_of(
    file_id: str, feed: str, source: str, item: Item, now: datetime, *, past: bool
) -> dict[str, Any]:
    """The row of an item that has just been discovered. One from the `past` is placed before all
    that was loaded since it was sent."""
    new = File(file_id=file_id, feed=feed, source=source, item=item, status=Status.DISCOVERED)
    return {
        "file_id": file_id,
        "feed": feed,
        "source": source,
        "key": item.key,
        "version": item.version,
        "name": item.name,
        "sent_at": item.sent_at,
        "item_size": item.size,
        "sender": item.sender,
        "item_group": item.group,
        "detail": dict(item.detail),
        "status": new.status,
        "attempt": new.attempt,
        "tries": new.tries,
        "discovered_at": now,
        "placed_at": item.sent_at if past else None,
        **facts_of(new),
    }


def event_of(row: RowMapping) -> Event:
    """The event that a row of the events table holds."""
    return Event(
        file_id=row["file_id"],
        at=row["at"],
        step=row["step"],
        outcome=row["outcome"],
        seconds=row["seconds"],
        rows=row["rows"],
        message=row["message"],
    )


def write_events(connection: Connection, events: Iterable[Event]) -> None:
    """Add events to their files' timelines."""
    rows = [
        {
            "file_id": event.file_id,
            "at": event.at,
            "step": event.step,
            "outcome": event.outcome,
            "seconds": event.seconds,
            "rows": event.rows,
            "message": event.message,
        }
        for event in events
    ]
    if rows:
        connection.execute(insert(events_table), rows)
