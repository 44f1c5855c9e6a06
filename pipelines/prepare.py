"""Prepare: one file from its source to staged Parquet: land, parse, cast, validate, transform."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from connectors.crash import crash_point
from pipelines import cast, validate
from pipelines.failure import held
from pipelines.feed import Feed
from pipelines.land import Landed, landed
from pipelines.parse import Chunk, parsed
from pipelines.reasons import Reasons
from pipelines.retention import keeping
from pipelines.runtime import Runtime, Work
from pipelines.stage import RejectsWriter, RowsWriter
from pipelines.transform import LINE, to_frame, transform_rows
from schemas.contract import Contract
from schemas.errors import DataError
from schemas.file import Counts, Event, File, Outcome, Status
from schemas.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """What preparing a file made: local Parquet files, counts, partitions and the verdict."""

    rows: Path
    rejects: Path
    counts: Counts
    rejects_rows: int
    partitions: tuple[str, ...]
    refusal: str | None = None


def prepare(runtime: Runtime, file_id: str) -> list[Work]:
    """Prepare one discovered file and return the work that follows; nothing if it is not due."""
    file = runtime.ledger.claim(
        file_id, Status.DISCOVERED, runtime.owner, runtime.limits.lease_seconds
    )
    if file is None:
        return []
    crash_point("prepare.claimed")
    prepared = False
    with held(runtime, file, "prepare") as check:
        with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="prepare-") as folder:
            started = time.monotonic()
            done = _prepared(runtime, file, Path(folder), check)
            crash_point("prepare.staged")
            event = Event(
                file_id=file_id,
                at=runtime.now(),
                step="prepare",
                outcome=str(done.outcome),
                seconds=time.monotonic() - started,
                rows=done.counts.read,
                message=done.reason,
            )
            check()
            with keeping(runtime, done, Path(folder) / "raw"):
                runtime.ledger.advance(done, event)
            prepared = True
            crash_point("prepare.advanced")
    if prepared and runtime.ledger.request_load(file.feed):
        return [Work("load", file.feed)]
    return []


def _prepared(runtime: Runtime, file: File, folder: Path, check: Callable[[], None]) -> File:
    """The file with everything that preparing found out; nothing of it is in the ledger yet."""
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    file = replace(file, status=Status.PREPARED, contract_version=contract.version)
    try:
        with landed(runtime, file, folder, check) as raw:
            file = replace(file, sha256=raw.sha256, size=raw.size, landing_key=raw.key)
            crash_point("prepare.landed")
            owner = runtime.ledger.claim_content(file)
            crash_point("prepare.owned")
            if owner != file.file_id:
                return replace(file, outcome=Outcome.REPEATED, repeats=owner)
            return _staged(runtime, file, feed, contract, raw, folder, check)
    except DataError as error:
        return replace(file, outcome=Outcome.QUARANTINED, reason=error.said(feed.language))


def _staged(
    runtime: Runtime,
    file: File,
    feed: Feed,
    contract: Contract,
    raw: Landed,
    folder: Path,
    check: Callable[[], None],
) -> File:
    """Stage the landed file's rows in storage."""
    staged = stage_file(
        raw.path,
        file.file_id,
        feed,
        contract,
        folder,
        runtime.limits,
        check,
    )
    if len(staged.partitions) > runtime.limits.partitions:
        raise DataError(
            f"the file touches {len(staged.partitions):,} partitions,"
            f" more than {runtime.limits.partitions:,}",
            hint=f"look at the values of its partition column, {_partition_name(contract)}",
        )
    prefix = f"staged/{file.feed}/{file.file_id}/{file.attempt}"
    rejects_key = None
    if staged.rejects_rows:
        rejects_key = f"{prefix}/rejects.parquet"
        runtime.storage.put(rejects_key, staged.rejects)
    file = replace(file, rejects_key=rejects_key)
    if staged.refusal is not None:
        counts = replace(
            staged.counts, loaded=0, dropped=staged.counts.dropped + staged.counts.loaded
        )
        return replace(file, outcome=Outcome.QUARANTINED, counts=counts, reason=staged.refusal)
    keys: tuple[str, ...] = ()
    if staged.counts.loaded:
        keys = (f"{prefix}/rows.parquet",)
        runtime.storage.put(keys[0], staged.rows)
    return replace(
        file,
        outcome=Outcome.PARTLY if staged.counts.rejected else Outcome.ACCEPTED,
        counts=staged.counts,
        staged_keys=keys,
        partitions=staged.partitions,
    )


def stage_file(
    path: Path,
    file_id: str,
    feed: Feed,
    contract: Contract,
    folder: Path,
    limits: Limits,
    check: Callable[[], None] = lambda: None,
) -> Staged:
    """Parse, cast, validate and transform a raw file into Parquet files inside `folder`.

    Raises DataError when the file as a whole cannot be read under the contract.
    """
    read = 0
    whole: list[tuple[pa.Table, Chunk]] = []
    columns = [column.name for column in contract.file_columns]
    with (
        parsed(path, contract.dialect, limits, folder, columns, feed.language) as found,
        RowsWriter(folder / "rows.parquet", contract, file_id) as rows,
        RejectsWriter(folder / "rejects.parquet", found.names) as rejects,
    ):
        checker = _Checker(feed, contract, cast.match_header(found.names, contract))
        for chunk in found.chunks:
            check()
            read += chunk.rows
            good, reasons = checker.check(chunk)
            rejects.write(reasons.rejected(chunk))
            if feed.whole_file:
                whole.append((good, chunk))
            else:
                rows.write(_transformed(feed, contract, good, [chunk], rejects))
        if whole:
            tables, chunks = zip(*whole, strict=True)
            rows.write(_transformed(feed, contract, pa.concat_tables(tables), chunks, rejects))
    counts = Counts(
        read=read, loaded=rows.rows, rejected=rejects.rows, dropped=read - rows.rows - rejects.rows
    )
    return Staged(
        rows=rows.path,
        rejects=rejects.path,
        counts=counts,
        rejects_rows=rejects.rows,
        partitions=rows.partitions,
        refusal=_refusal(rows.path, contract, counts),
    )


class _Checker:
    """Casts and validates chunk after chunk of one file, remembering what must be unique."""

    def __init__(self, feed: Feed, contract: Contract, names: dict[str, str]) -> None:
        self._contract, self._names = contract, names
        self._expectations = validate.expectations_for(contract, derived=False)
        self._unique = {
            name: (rule, validate.Unique())
            for name, rule in validate.unique_columns(contract).items()
        }

    def check(self, chunk: Chunk) -> tuple[pa.Table, Reasons]:
        """The chunk's good rows (file columns and `_etl_row`), and why the others are bad."""
        typed = cast.cast_chunk(chunk, self._names, self._contract)
        reasons = Reasons(typed, chunk, self._names)
        frame = to_frame(typed.rows, pa.array(chunk.lines))
        for broken in validate.check_frame(frame, self._expectations):
            reasons.add(broken)
        for name, (rule, unique) in self._unique.items():
            again = unique.repeated(frame[name])
            positions = tuple(int(each) for each in again.nonzero()[0])
            if positions:
                reasons.add(validate.Broken(rule, positions))
        good = typed.rows.append_column(LINE, pa.array(chunk.lines))
        return good.filter(pa.array(~reasons.bad)), reasons


def _transformed(
    feed: Feed,
    contract: Contract,
    good: pa.Table,
    chunks: Sequence[Chunk],
    rejects: RejectsWriter,
) -> pa.Table:
    """The rows after the feed's transform, less those that break a rule about derived columns."""
    lines = good.column(LINE).combine_chunks()
    table = transform_rows(feed, to_frame(good.drop_columns(LINE), lines), contract)
    later = validate.expectations_for(contract, derived=True)
    required = [column.name for column in contract.columns if column.derived and column.required]
    if not later and not required:
        return table
    reasons = Reasons.after_transform(table)
    for name in required:
        reasons.require(name)
    frame = to_frame(table.drop_columns(LINE), table.column(LINE).combine_chunks())
    for broken in validate.check_frame(frame, later):
        reasons.add(broken)
    rejects.write(reasons.rejected_rows(chunks))
    return table.filter(pa.array(~reasons.bad))


def _refusal(rows: Path, contract: Contract, counts: Counts) -> str | None:
    """Why the file as a whole must not be loaded, if so."""
    if counts.read and counts.rejected / counts.read > contract.reject_threshold:
        return (
            f"{counts.rejected:,} of {counts.read:,} rows are bad, more than the"
            f" {contract.reject_threshold:.0%} that the contract tolerates"
        )
    for broken in _table_rules(rows, contract):
        if broken.expectation.severity == "error":
            found = f": found {broken.observed}" if broken.observed else ""
            return f"{broken.message}{found}"
    return None


def _table_rules(rows: Path, contract: Contract) -> Iterator[validate.Broken]:
    """The broken rules about the file as a whole; only the columns they name are read."""
    rules = validate.table_expectations(contract)
    if not rules:
        return
    import pandas as pd
    import pyarrow.parquet as pq

    wanted = {name for rule in rules for name in validate.columns_of(rule)}
    names = [name for name in contract_names(contract) if name in wanted] or [LINE]
    table = pq.read_table(rows, columns=names)
    yield from validate.check_frame(table.to_pandas(types_mapper=pd.ArrowDtype), rules)


def contract_names(contract: Contract) -> list[str]:
    """The contract's column names, in order."""
    return [column.name for column in contract.columns]


def _partition_name(contract: Contract) -> str:
    return contract.partition.column if contract.partition else "none"
