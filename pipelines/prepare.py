"""Prepare: one file from its source to staged Parquet: land, parse, cast, validate, transform."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa

from connectors.crash import crash_point
from pipelines import validate
from pipelines.checker import Checker
from pipelines.correction import dialect_of
from pipelines.drift import NOTHING_KNOWN, DriftWatch, HeldBackError, Memory
from pipelines.failure import held
from pipelines.feed import Feed
from pipelines.land import Landed, landed
from pipelines.parse import Chunk, parsed
from pipelines.retention import keeping
from pipelines.runtime import Runtime, Work
from pipelines.stage import RejectsWriter, RowsWriter
from pipelines.trust import (
    Doubt,
    doubt_about_content,
    doubt_about_mail,
    let_in_before,
    put_aside,
)
from pipelines.whole import WholeFile, read_columns
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
            done, doubt = _prepared(runtime, file, Path(folder), check)
            if doubt is not None:
                check()
                with keeping(runtime, done, Path(folder) / "raw"):
                    put_aside(runtime, done, doubt)
                return []
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


def _prepared(
    runtime: Runtime, file: File, folder: Path, check: Callable[[], None]
) -> tuple[File, Doubt | None]:
    """The file with everything that preparing found out; nothing of it is in the ledger yet. With
    a doubt it is not to be let in, and no row of it was looked at."""
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    file = replace(file, status=Status.PREPARED, contract_version=contract.version)
    shown: tuple[Finding, ...] = ()
    is_judged = feed.trust is None or let_in_before(runtime, file)
    try:
        if not is_judged and (doubt := doubt_about_mail(runtime, file, feed)):
            return file, doubt
        with landed(runtime, file, folder, check) as raw:
            file = replace(file, sha256=raw.sha256, size=raw.size, landing_key=raw.key)
            crash_point("prepare.landed")
            if not is_judged and (
                doubt := doubt_about_content(runtime, file, feed, contract, raw.path)
            ):
                return file, doubt
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
    return file, None


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
            runtime.now(),
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
        # The receipt and the timeline tell a loaded file's warnings, a line each.
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
    now: datetime | None = None,
) -> Staged:
    """Parse, cast, validate and transform a raw file into Parquet files inside `folder`.

    `now` is the moment that windows and moving bounds are counted from. Raises DataError when the
    file as a whole cannot be read under the contract, HeldBackError when its columns are not the
    contract's and its drift policy does not allow for it.
    """
    now = now or datetime.now(UTC)
    contract = validate.at(contract, now)
    whole = WholeFile(contract, feed)

    def once() -> Staged:
        return _staged_once(
            path, file_id, feed, contract, folder, limits, check, memory, now, whole
        )

    staged = once()
    while whole.look(staged.rows):
        # Few files need this: rows of theirs are to be rejected because of others.
        staged = once()
    refusal, warnings = _verdict(staged, staged.contract, whole.replaced, feed.language)
    return replace(staged, refusal=refusal, warnings=(*staged.warnings, *whole.warnings, *warnings))


def _staged_once(
    path: Path,
    file_id: str,
    feed: Feed,
    contract: Contract,
    folder: Path,
    limits: Limits,
    check: Callable[[], None],
    memory: Memory,
    now: datetime,
    whole_file: WholeFile,
) -> Staged:
    """Stage the file's rows but those that the whole file speaks against."""
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
        rejects = out.enter_context(
            RejectsWriter(folder / "rejects.parquet", found.names, found.line_end)
        )
        checker = Checker(feed, contract, watch, now.date(), whole_file)
        for chunk in chunks_left:
            check()
            read += chunk.rows
            good, reasons = checker.check(chunk)
            rejects.write(reasons.rejected(chunk))
            if feed.whole_file:
                whole.append((good, chunk))
            else:
                rows.write(checker.transformed(good, [chunk], rejects))
        if whole:
            tables, chunks = zip(*whole, strict=True)
            rows.write(checker.transformed(pa.concat_tables(tables), chunks, rejects))
    counts = Counts(
        read=read, loaded=rows.rows, rejected=rejects.rows, dropped=read - rows.rows - rejects.rows
    )
    return Staged(
        rows=rows.path,
        rejects=rejects.path,
        counts=counts,
        rejects_rows=rejects.rows,
        partitions=rows.partitions,
        contract=contract,
        warnings=checker.warnings(),
        drift=watch.findings(),
        profiles=watch.profiles,
    )


def _verdict(
    staged: Staged, contract: Contract, replaced: int, language: str
) -> tuple[str | None, list[str]]:
    """Why the file as a whole must not be loaded, if so, and what its sender should look at.

    Rows that a later row of the file replaces are not counted as bad.
    """
    counts = staged.counts
    bad = counts.rejected - replaced
    if counts.read and bad / counts.read > contract.reject_threshold:
        refusal = say(
            "{bad:,} of {read:,} rows are bad, more than the {most:.0%} that the contract"
            " tolerates",
            language,
            bad=bad,
            read=counts.read,
            most=contract.reject_threshold,
        )
        return refusal, []
    broken = list(_table_rules(staged.rows, contract))
    faults = [each.said(language) for each in broken if each.expectation.severity == "error"]
    warnings = [each.said(language) for each in broken if each.expectation.severity != "error"]
    return "; ".join(faults) or None, warnings


def _table_rules(rows: Path, contract: Contract) -> list[validate.Broken]:
    """The broken rules about the file as a whole; only the columns they name are read."""
    rules = validate.table_expectations(contract)
    if not rules:
        return []
    wanted = {name for rule in rules for name in validate.columns_of(rule)}
    if any(rule.type.startswith("expect_table_column") for rule in rules):
        wanted = set(contract_names(contract))
    frame, _ = read_columns(rows, [name for name in contract_names(contract) if name in wanted])
    return validate.check_frame(frame, rules)


def contract_names(contract: Contract) -> list[str]:
    """The contract's column names, in order."""
    return [column.name for column in contract.columns]


def _partition_name(contract: Contract) -> str:
    return contract.partition.column if contract.partition else "none"
