"""Prepare: one file from its source to staged Parquet: land, parse, cast, validate, transform."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from connectors.crash import crash_point
from pipelines import cast, validate
from pipelines.correction import dialect_of
from pipelines.drift import NOTHING_KNOWN, DriftWatch, HeldBackError, Memory
from pipelines.failure import held
from pipelines.feed import Feed
from pipelines.land import Landed, landed
from pipelines.parse import Chunk, parsed
from pipelines.reasons import Reasons
from pipelines.runtime import Runtime, Work
from pipelines.stage import RejectsWriter, RowsWriter
from pipelines.transform import LINE, to_frame, transform_rows
from schemas.contract import Contract
from schemas.drift import DriftStatus, Finding, Profile
from schemas.errors import DataError, ItemChangedError
from schemas.file import Counts, Event, File, Outcome, Status
from schemas.language import say
from schemas.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """What preparing a file made: local Parquet files, counts, partitions and the verdict.

    `contract` is the one it was staged by, which drift may have extended; `drift` is what differs,
    `profiles` what the columns look like.
    """

    rows: Path
    rejects: Path
    counts: Counts
    rejects_rows: int
    partitions: tuple[str, ...]
    contract: Contract
    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    drift: tuple[Finding, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)


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
    shown: tuple[Finding, ...] = ()
    try:
        with landed(runtime, file, folder, check) as raw:
            file = replace(file, sha256=raw.sha256, size=raw.size, landing_key=raw.key)
            crash_point("prepare.landed")
            owner = runtime.ledger.claim_content(file)
            crash_point("prepare.owned")
            if owner != file.file_id:
                file = replace(file, outcome=Outcome.REPEATED, repeats=owner)
            else:
                file, shown = _staged(runtime, file, feed, contract, raw, folder, check)
    except ItemChangedError as error:
        file = _gone(runtime, file, feed, error)
    except DataError as error:
        file = replace(file, outcome=Outcome.QUARANTINED, reason=error.said(feed.language))
    runtime.ledger.note_drift(file, shown)
    return file


def _gone(runtime: Runtime, file: File, feed: Feed, error: ItemChangedError) -> File:
    """The file whose bytes were overwritten or removed before they were read: superseded once the
    newer version is known, quarantined if none comes; until then the error is raised again."""
    newer = [
        each
        for each in runtime.ledger.versions(file.feed, {file.item.key})
        if each.order() > file.order()
    ]
    if newer:
        reason = say("it was overwritten by a newer version before it was read", feed.language)
        return replace(
            file,
            outcome=Outcome.SUPERSEDED,
            superseded_by=newer[-1].file_id,
            reason=reason,
        )
    if file.tries < runtime.limits.attempts:
        raise error
    reason = say("it was removed or overwritten before it could be read", feed.language)
    return replace(file, outcome=Outcome.QUARANTINED, reason=reason)


def _staged(
    runtime: Runtime,
    file: File,
    feed: Feed,
    contract: Contract,
    raw: Landed,
    folder: Path,
    check: Callable[[], None],
) -> tuple[File, tuple[Finding, ...]]:
    """Stage the landed file's rows in storage; also what differs from the contract."""
    try:
        staged = stage_file(
            raw.path,
            file.file_id,
            feed,
            contract,
            folder,
            runtime.limits,
            check,
            _memory(runtime, file),
        )
    except DataError as error:
        reason = error.said(feed.language)
        seen = _evidence(raw.path, feed, contract)
        file = replace(file, outcome=Outcome.QUARANTINED, reason=_joined(reason, seen))
        return file, error.drift if isinstance(error, HeldBackError) else ()
    if len(staged.partitions) > runtime.limits.partitions:
        raise DataError(
            "the file touches {count:,} partitions, more than {most:,}",
            hint="look at the values of its partition column, {column}",
            count=len(staged.partitions),
            most=runtime.limits.partitions,
            column=_partition_name(contract),
        )
    prefix = f"staged/{file.feed}/{file.file_id}/{file.attempt}"
    rejects_key = None
    if staged.rejects_rows:
        rejects_key = f"{prefix}/rejects.parquet"
        runtime.storage.put(rejects_key, staged.rejects)
    file = replace(file, rejects_key=rejects_key, contract_version=staged.contract.version)
    if staged.refusal is not None:
        counts = replace(
            staged.counts, loaded=0, dropped=staged.counts.dropped + staged.counts.loaded
        )
        reason = _joined(staged.refusal, _evidence(raw.path, feed, contract))
        file = replace(file, outcome=Outcome.QUARANTINED, counts=counts, reason=reason)
        return file, staged.drift
    runtime.ledger.save_profiles(file, staged.profiles)
    keys: tuple[str, ...] = ()
    if staged.counts.loaded:
        keys = (f"{prefix}/rows.parquet",)
        runtime.storage.put(keys[0], staged.rows)
    file = replace(
        file,
        outcome=Outcome.PARTLY if staged.counts.rejected else Outcome.ACCEPTED,
        counts=staged.counts,
        staged_keys=keys,
        partitions=staged.partitions,
        reason="\n".join(staged.warnings) or None,
    )
    return file, staged.drift


def _memory(runtime: Runtime, file: File) -> Memory:
    """What the ledger knows of the feed's earlier files."""
    decided = {
        status: tuple(each.finding for each in runtime.ledger.drifts(file.feed, status))
        for status in (DriftStatus.ACCEPTED, DriftStatus.DISMISSED)
    }
    return Memory(
        profiles=runtime.ledger.profiles(file.feed, file.file_id),
        accepted=decided[DriftStatus.ACCEPTED],
        dismissed=decided[DriftStatus.DISMISSED],
    )


def _evidence(path: Path, feed: Feed, contract: Contract) -> str:
    """How a quarantined file differs from what its contract pins; empty if it does not."""
    from pipelines.detect import evidence

    return evidence(path, contract, feed.language) or ""


def _joined(reason: str, seen: str) -> str:
    return f"{reason}; {seen}" if seen else reason


def stage_file(
    path: Path,
    file_id: str,
    feed: Feed,
    contract: Contract,
    folder: Path,
    limits: Limits,
    check: Callable[[], None] = lambda: None,
    memory: Memory = NOTHING_KNOWN,
) -> Staged:
    """Parse, cast, validate and transform a raw file into Parquet files inside `folder`.

    Raises DataError when the file as a whole cannot be read under the contract, HeldBackError
    when its columns are not the contract's and its drift policy does not allow for it.
    """
    read = 0
    whole: list[tuple[pa.Table, Chunk]] = []
    columns = [column.name for column in contract.file_columns]
    dialect = dialect_of(path, contract.dialect)
    with parsed(path, dialect, limits, folder, columns, feed.language) as found, ExitStack() as out:
        first = next(found.chunks, None)
        watch = DriftWatch(found.names, first, contract, memory)
        chunks_left = watch.checked(chain([first] if first is not None else [], found.chunks))
        contract = watch.contract
        rows = out.enter_context(RowsWriter(folder / "rows.parquet", contract, file_id))
        rejects = out.enter_context(RejectsWriter(folder / "rejects.parquet", found.names))
        checker = _Checker(feed, contract, watch)
        for chunk in chunks_left:
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
    broken = list(_table_rules(rows.path, contract))
    return Staged(
        rows=rows.path,
        rejects=rejects.path,
        counts=counts,
        rejects_rows=rejects.rows,
        partitions=rows.partitions,
        contract=contract,
        refusal=_refusal(counts, contract, broken, feed.language),
        warnings=(*checker.warnings(feed.language), *_warnings(broken)),
        drift=watch.findings(),
        profiles=watch.profiles,
    )


class _Checker:
    """Casts and validates chunk after chunk of one file, remembering what must be unique."""

    def __init__(self, feed: Feed, contract: Contract, watch: DriftWatch) -> None:
        self._contract, self._watch, self._names = contract, watch, watch.header.columns
        self._expectations = validate.expectations_for(contract, derived=False)
        self._warned: Counter[str] = Counter()
        self._unique = {
            name: (rule, validate.Unique())
            for name, rule in validate.unique_columns(contract).items()
        }

    def check(self, chunk: Chunk) -> tuple[pa.Table, Reasons]:
        """The chunk's good rows (file columns and `_etl_row`), and why the others are bad."""
        chunk = self._watch.header.filled(chunk)
        typed = cast.cast_chunk(chunk, self._names, self._contract)
        self._watch.saw(chunk, typed)
        reasons = Reasons(typed, chunk, self._names)
        frame = to_frame(typed.rows, pa.array(chunk.lines))
        for broken in validate.check_frame(frame, self._expectations):
            reasons.add(broken)
            if broken.expectation.severity != "error":
                self._warned[broken.message] += len(broken.positions)
        for name, (rule, unique) in self._unique.items():
            again = unique.repeated(frame[name])
            positions = tuple(int(each) for each in again.nonzero()[0])
            if positions:
                reasons.add(validate.Broken(rule, positions))
        good = typed.rows.append_column(LINE, pa.array(chunk.lines))
        return good.filter(pa.array(~reasons.bad)), reasons

    def warnings(self, language: str) -> list[str]:
        """The rules that rows broke without being rejected for it."""
        return [
            say("{rule} ({count:,} rows)", language, rule=rule, count=count)
            for rule, count in self._warned.items()
        ]


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


def _refusal(
    counts: Counts, contract: Contract, broken: Sequence[validate.Broken], language: str
) -> str | None:
    """Why the file as a whole must not be loaded, if so."""
    if counts.read and counts.rejected / counts.read > contract.reject_threshold:
        return say(
            "{bad:,} of {count:,} rows are bad, more than the {most:.0%} that the contract"
            " tolerates",
            language,
            bad=counts.rejected,
            count=counts.read,
            most=contract.reject_threshold,
        )
    refused = (_observed(each) for each in broken if each.expectation.severity == "error")
    return next(refused, None)


def _warnings(broken: Sequence[validate.Broken]) -> list[str]:
    return [_observed(each) for each in broken if each.expectation.severity != "error"]


def _observed(broken: validate.Broken) -> str:
    return broken.message + (f": found {broken.observed}" if broken.observed else "")


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
