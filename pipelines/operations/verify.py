"""Verify: every file's rows accounted for, against a count in the warehouse itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connectors.protocols import FileAudit
from pipelines.runtime import Runtime
from schemas.accounted import Accounted
from schemas.checksum import Sum
from schemas.contract import Contract, TimePartition
from schemas.file import BRINGING, File, Outcome

_PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One figure of one file that is not what it should be. `name` is None for a file that the
    ledger does not know."""

    table: str
    file_id: str
    name: str | None
    figure: str
    expected: Sum
    found: Sum


def verify(
    runtime: Runtime,
    feed: str,
    checked: Callable[[File], None] = lambda file: None,
    since: datetime | None = None,
) -> Iterator[Difference]:
    """The differences between the ledger, the warehouse's records and its rows, for every file of
    the feed's table, or only for those that were found since then; nothing if all agree.

    One query reads the warehouse, as of one moment; ledger and warehouse are then walked side by
    side, both by file id, so that memory stays flat. A file that differs is looked at again in the
    ledger, and passed over if it has moved on meanwhile. Raises what the warehouse raises.
    """
    contract = runtime.contract_of(runtime.feeds[feed])
    table = runtime.warehouse.table_id(contract)
    tallies = runtime.warehouse.file_audits(contract, since)
    for file, tally in _side_by_side(_files(runtime, feed, since), tallies):
        if since is not None and file is None:
            # An older file of which something has happened since: all of it is not looked at.
            continue
        if file is not None:
            checked(file)
        found = list(_differences(table, contract, file, tally, runtime.now()))
        if found and file is not None and runtime.ledger.files.get(file.file_id) != file:
            continue
        if tally is not None and file is None and tally.feed not in (None, feed):
            continue
        yield from found


def _files(runtime: Runtime, feed: str, since: datetime | None) -> Iterator[File]:
    """The feed's files that a batch has committed, by file id; only those found since then."""
    after = ""
    while page := runtime.ledger.history.loaded(feed, after, _PAGE):
        for file in page:
            if since is None or (file.discovered_at is not None and file.discovered_at >= since):
                yield file
        after = page[-1].file_id


def _side_by_side(
    files: Iterable[File], tallies: Iterable[FileAudit]
) -> Iterator[tuple[File | None, FileAudit | None]]:
    """Files and tallies of the same id together; both rise by id."""
    left, right = iter(files), iter(tallies)
    file, tally = next(left, None), next(right, None)
    while file is not None or tally is not None:
        if tally is None or (file is not None and file.file_id < tally.file_id):
            yield file, None
            file = next(left, None)
        elif file is None or tally.file_id < file.file_id:
            yield None, tally
            tally = next(right, None)
        else:
            yield file, tally
            file, tally = next(left, None), next(right, None)


def _differences(
    table: str, contract: Contract, file: File | None, tally: FileAudit | None, now: datetime
) -> Iterator[Difference]:
    file_id = file.file_id if file is not None else tally.file_id if tally is not None else ""
    figures = _of_ledger(file) if file is not None else []
    if file is None and tally is not None and tally.rows:
        figures.append(("known to the ledger", 1, 0))
    if tally is None:
        figures.append(("loads recorded in etl_meta.files", 1, 0))
    else:
        figures += _of_warehouse(contract, file, tally, now)
    for figure, expected, found in figures:
        if expected != found:
            yield Difference(
                table=table,
                file_id=file_id,
                name=file.item.name if file is not None else None,
                figure=figure,
                expected=expected,
                found=found,
            )


type _Figure = tuple[str, int, int]


def _of_ledger(file: File) -> list[_Figure]:
    """Rows read = loaded + rejected + dropped + aggregated, and lines = header + rows + passed
    over."""
    counts, accounted = file.counts, file.accounted
    told = counts.loaded + counts.rejected + counts.dropped + counts.aggregated
    figures = [("rows read", told, counts.read)]
    if accounted is None or file.outcome not in BRINGING:
        return figures
    lines = accounted.header + accounted.rows + accounted.passed + (accounted.unread or 0)
    return [
        *figures,
        ("lines of the file", accounted.lines, lines),
        ("rows among the lines of the file", accounted.rows, counts.read),
    ]


def _of_warehouse(
    contract: Contract, file: File | None, tally: FileAudit, now: datetime
) -> list[_Figure]:
    """What the table holds of the file is what was loaded less what was taken out again, and the
    last load's figures are the ledger's."""
    standing = tally.loaded - tally.removed
    there = tally.rows
    if there < standing and _may_have_expired(contract, tally, now):
        there = standing
    figures = [("rows in the table", standing, there)]
    last = tally.last
    if last is None:
        return [*figures, ("loads recorded in etl_meta.files", 1, 0)]
    if tally.rows > last.loaded and last.outcome in BRINGING:
        figures.append(("most rows that the file can have in the table", last.loaded, tally.rows))
    # A quarantined file may count rows as rejected of which nothing more is known.
    if last.outcome != Outcome.QUARANTINED or tally.rejected_rows > last.rejected:
        figures.append(("rows in etl_meta.rejected_rows", last.rejected, tally.rejected_rows))
    if file is not None:
        counts = file.counts
        figures += [
            ("rows_read in etl_meta.files", counts.read, last.read),
            ("rows_loaded in etl_meta.files", counts.loaded, last.loaded),
            ("rows_rejected in etl_meta.files", counts.rejected, last.rejected),
            ("rows_dropped in etl_meta.files", counts.dropped, last.dropped),
            ("rows_aggregated in etl_meta.files", counts.aggregated, last.aggregated),
        ]
        figures += _lines(file.accounted, last.accounted)
    return figures


def _lines(ledger: Accounted | None, warehouse: Accounted | None) -> list[_Figure]:
    """What became of the file's lines, by both records; older ones do not say it."""
    if ledger is None or warehouse is None:
        return []
    there = warehouse.to_json()
    return [
        (f"{name} lines in etl_meta.files", count, there[name])
        for name, count in ledger.to_json().items()
        if isinstance(count, int) and isinstance(there.get(name), int)
    ]


def _may_have_expired(contract: Contract, tally: FileAudit, now: datetime) -> bool:
    """Whether partitions that the file's rows went to are older than the table keeps them."""
    partition = contract.partition
    if not isinstance(partition, TimePartition) or partition.expiration_days is None:
        return False
    oldest = (now.astimezone(UTC) - timedelta(days=partition.expiration_days)).date()
    return any(_day(each) <= oldest for each in tally.partitions if each != "null")


def _day(partition: str) -> date:
    year, month, day = partition[:10].rsplit("-", 2)
    return date(int(year), int(month), int(day))
