"""Prepare: one file from its source to staged Parquet: land, parse, cast, validate, transform."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.failure import held
from pipelines.parse.kind import Kind, kind_of
from pipelines.parse.registry import reader_of
from pipelines.prepare.correctable import refuse_correction
from pipelines.prepare.corrected import corrected_file, correction_terms, handed_over
from pipelines.prepare.history import history_of
from pipelines.prepare.land import Landing, landing
from pipelines.prepare.landing_lock import protect_landing
from pipelines.prepare.outcome import StoredAlone, gone, quarantined, settled
from pipelines.prepare.parts import stage_parts
from pipelines.prepare.preload import forget_preloaded
from pipelines.prepare.repeat import repeated_by
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from pipelines.prepare.trust import (
    HoldReason,
    doubt_about_content,
    doubt_about_mail,
    hold_file,
    let_in_before,
)
from pipelines.rejects.correction import correction_dialect, is_correction
from pipelines.runtime import Runtime, Work
from pipelines.telemetry import timed_step
from pipelines.time_limits import refuse_too_slow
from schemas.contract import Contract
from schemas.drift import Finding
from schemas.errors import DataError, ItemChangedError
from schemas.file import BRINGING, File, Outcome, Status

_HEAD_BYTES = 64 * 1024
"""How much of a file is looked at, at the most, to tell its kind and its dialect."""


def prepare(runtime: Runtime, file_id: str) -> list[Work]:
    """Prepare one discovered file and return the work that follows; nothing if it is not due."""
    file = runtime.ledger.leases.claim(
        file_id, Status.DISCOVERED, runtime.new_lease(), runtime.limits.lease_seconds
    )
    return [] if file is None else prepare_claimed(runtime, file)


def prepare_claimed(runtime: Runtime, file: File) -> list[Work]:
    """Prepare one file that is held, and return the work that follows."""
    crash_point("prepare.claimed")
    prepared = False
    with held(runtime, file, "prepare") as check:
        # It may be due because its contract was changed a moment ago.
        runtime.refresh()
        with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="prepare-") as folder:
            timed = timed_step(runtime, "prepare")
            done, doubt = _prepared(runtime, file, Path(folder), check)
            if doubt is not None:
                check()
                with protect_landing(runtime, done, Path(folder) / "raw"):
                    hold_file(runtime, done, doubt)
                return []
            crash_point("prepare.staged")
            event = timed.event(
                file.file_id, str(done.outcome), rows=done.counts.read, message=done.reason
            )
            check()
            with protect_landing(runtime, done, Path(folder) / "raw"):
                runtime.ledger.leases.advance(done, event)
            prepared = True
            crash_point("prepare.advanced")
    if not prepared:
        return []
    more = []
    if done.outcome is Outcome.UNCHANGED and done.repeats is not None:
        handed = runtime.ledger.files.many([done.repeats])
        more = [Work("prepare", each.file_id) for each in handed if each.feed != file.feed]
    return [*more, *load_of(runtime, file.feed)]


def load_of(runtime: Runtime, feed: str) -> list[Work]:
    """The load of a feed of which files are prepared, unless it is asked for already and more of
    them are coming."""
    if runtime.ledger.feeds.request_load(feed) or not runtime.ledger.files.unprepared(feed):
        return [Work("load", feed)]
    return []


def _prepared(
    runtime: Runtime, file: File, folder: Path, check: Callable[[], None]
) -> tuple[File, HoldReason | None]:
    """The file with everything that preparing found out; nothing of it is in the ledger yet. With
    a doubt it is not to be let in, and no row of it was looked at."""
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    file = replace(file, status=Status.PREPARED, contract_version=contract.version, bundle=None)
    shown: tuple[Finding, ...] = ()
    is_judged = feed.trust is None or let_in_before(runtime, file)
    staged: Staged | DataError | None = None
    try:
        refuse_too_slow(runtime, file)
        if not is_judged and (doubt := doubt_about_mail(runtime, file, feed)):
            return file, doubt
        with landing(runtime, file, folder, check) as coming:
            if (
                is_judged
                and not coming.is_done
                and _is_text(coming, contract)
                and not is_correction(coming.raw.path, contract, runtime.limits)
            ):
                staged = _stage(runtime, file, coming, contract, folder, check)
            landed, raw = coming.landed(), coming.raw.path
            file = replace(file, sha256=landed.sha256, size=landed.size, landing_key=landed.key)
            crash_point("prepare.landed")
            dialect = correction_dialect(raw, contract.dialect, runtime.limits)
            if not is_judged and (
                doubt := doubt_about_content(
                    runtime, file, feed, contract, raw, any_kind=dialect is not None
                )
            ):
                return file, doubt
            target = None
            if dialect is not None:
                target = corrected_file(runtime, file, raw, dialect, folder)
            if target is not None and target.feed != file.feed:
                return handed_over(runtime, file, target), None
            repeats = repeated_by(runtime, file, runtime.ledger.contents.claim(file))
            crash_point("prepare.owned")
            if repeats is not None:
                file = replace(file, outcome=repeats.outcome, repeats=repeats.file_id)
            elif target is not None:
                refuse_correction(runtime, target, file)
                file = replace(file, corrects=target.file_id)
                terms = correction_terms(runtime, file, target, raw, check)
                rows = stage_file(raw, terms, folder)
                file, _ = settled(runtime, file, contract, raw, rows, StoredAlone(runtime))
            else:
                staged = staged or _stage(runtime, file, coming, contract, folder, check)
                stored = StoredAlone(runtime)
                file, shown = settled(runtime, file, contract, raw, staged, stored)
    except ItemChangedError as error:
        file = gone(runtime, file, feed, error)
    except DataError as error:
        file = quarantined(file, error)
    if isinstance(staged, Staged) and staged.keys and file.outcome not in BRINGING:
        forget_preloaded(runtime, file, contract)
    runtime.ledger.drifts.note(file, shown)
    return file, None


def _is_text(coming: Landing, contract: Contract) -> bool:
    """Whether the file can be read from its top on, while the rest of it comes."""
    if not reader_of(contract.dialect.format).traits.is_text:
        return False
    coming.raw.await_past(_HEAD_BYTES)
    return kind_of(coming.raw.path) is Kind.TEXT


def _stage(
    runtime: Runtime,
    file: File,
    coming: Landing,
    contract: Contract,
    folder: Path,
    check: Callable[[], None],
) -> Staged | DataError:
    """The file's rows, staged, or why they cannot be."""
    feed, raw = runtime.feeds[file.feed], coming.raw
    try:
        terms = Terms.of(
            file.file_id,
            feed,
            contract,
            runtime.limits,
            runtime.now(),
            memory=history_of(runtime.ledger, file.feed, but=file.file_id),
            check=check,
        )
        return stage_parts(runtime, file, coming, terms, folder) or stage_file(
            raw.path, terms, folder, raw.open
        )
    except DataError as error:
        return error
