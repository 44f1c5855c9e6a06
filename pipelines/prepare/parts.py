"""Parts: one large file, prepared by several workers at once.

The worker that has claimed the file cuts it and does part after part, as they come; once the whole
file has landed, it asks the others for help with the rest. A part is taken by whoever is first to
write a small object; what was found in it is written down the same way. Nobody is depended on: a
part whose taker is not heard of is done by the file's own worker, and everything lies under the
attempt's own prefix, so that a later attempt knows nothing of it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from pipelines.drift.detector import DriftWatch
from pipelines.parse import CannotBeCutError, Part, cut
from pipelines.parse.kind import Kind, kind_of
from pipelines.prepare.chunk_pipeline import ChunkPipeline
from pipelines.prepare.land import Landing
from pipelines.prepare.part_worker import PartWorker, below, from_top
from pipelines.prepare.parts_exchange import Found, Plan, Top, read_plan, size_of
from pipelines.prepare.preload import Preloader
from pipelines.prepare.stage_file import Staged, Terms, Walk, judged
from pipelines.rejects.correction import dialect_of
from pipelines.rejects.table import join_rejects
from pipelines.runtime import Runtime, Work
from pipelines.validate.file_rules import WholeFile
from pipelines.validate.rules import table_expectations
from schemas import storage_keys
from schemas.accounted import Accounted
from schemas.file import Counts, File, Status

_MAX_PARTS = 64
_LOOK_SECONDS = 0.05
_LEAST_PATIENCE, _PATIENCE = 10.0, 4.0
"""Seconds, and times the slowest part of our own, to wait for a part that another has taken."""


def stage_parts(
    runtime: Runtime, file: File, landing: Landing, terms: Terms, folder: Path
) -> Staged | None:
    """The file staged in parts, with whoever has time to help; None if it must be read in one
    piece.

    So must one that cannot be cut with certainty or is not large, whose columns are not just the
    contract's, that has a part which cannot be read, or rows to be rejected because of others.
    """
    if runtime.ask is None or not _is_to_be_cut(file, landing.raw.path, terms):
        return None
    top, watch = _read_top(landing, terms, folder)
    if not watch.follows_contract:
        return None
    with Preloader(runtime, file, terms.contract) as ahead:
        worker = _Coordinator(runtime, file, terms, folder, ahead)
        try:
            found = _staged_parts(runtime.ask, file, landing, top, worker)
        except CannotBeCutError:
            return None
        if any(each.refused for each in found):
            return None
        ahead.rest()
        staged = _together(worker, found, watch)
        ahead.kept = staged is not None
    return staged


class _Coordinator(PartWorker):
    """The file's own worker: it keeps what was found in each part, whoever did it, and lets it go
    ahead to the warehouse. What is found is final: it is written once, by whoever is first."""

    def __init__(
        self, runtime: Runtime, file: File, terms: Terms, folder: Path, ahead: Preloader
    ) -> None:
        super().__init__(runtime, file, terms, folder)
        self._ahead, self._known = ahead, dict[int, Found]()

    def found(self, part: Part) -> Found | None:
        """As every worker finds it; asked for only once."""
        if part.number not in self._known and (found := super().found(part)) is not None:
            self._known[part.number] = found
            self._ahead.offer(part.number, found)
        return self._known.get(part.number)

    def do_own(self, top: Top, part: Part, raw: Path) -> None:
        """As every worker does it; it may go ahead at once."""
        super().do_own(top, part, raw)
        self.found(part)


def _staged_parts(
    ask: Callable[[Iterable[Work]], None],
    file: File,
    landing: Landing,
    top: Top,
    worker: _Coordinator,
) -> list[Found]:
    """What was found in all parts. Those that are cut before the file has landed are ours."""
    terms, parts = worker.terms, list[Part]()
    least = max(terms.limits.part_bytes, size_of(file) // _MAX_PARTS)
    with landing.raw.open() as stream:
        coming = cut(stream, terms.contract.dialect, least)
        for each in coming:
            parts.append(each)
            if landing.is_done:
                break
            worker.take(each)
            worker.do_own(top, each, landing.raw.path)
        ours = len(parts)
        parts.extend(coming)
    if parts[ours:]:
        plan = Plan(
            landing_key=landing.landed().key,
            contract_version=terms.contract.version,
            now=terms.now.isoformat(),
            top=top,
            parts=tuple(parts),
        )
        worker.write(storage_keys.plan(file.staged_prefix), asdict(plan))
        whole = f"{file.file_id}/{file.attempt}"
        ask([Work("part", f"{whole}/{each.number}") for each in reversed(parts[ours:])])
    return _gathered(worker, top, parts, landing.raw.path)


def part(runtime: Runtime, target: str) -> list[Work]:
    """Stage one part of a file that another worker is preparing (`file id/attempt/number`);
    nothing if it is not wanted any more, or taken."""
    file_id, attempt, number = target.split("/")
    file = next(iter(runtime.ledger.files.many([file_id])), None)
    if file is None or file.status is not Status.PREPARING or file.attempt != int(attempt):
        return []
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="part-") as folder:
        plan = read_plan(runtime, file)
        if plan is None or plan.contract_version != contract.version:
            return []
        now = datetime.fromisoformat(plan.now)
        terms = Terms.of(file_id, feed, contract, runtime.limits, now)
        worker = PartWorker(runtime, file, terms, Path(folder))
        wanted = plan.parts[int(number)]
        if worker.take(wanted):
            with runtime.storage.open(plan.landing_key, (wanted.start, wanted.end)) as stream:
                worker.do(plan.top, wanted, below(plan.top, wanted, stream, terms))
    return []


def _is_to_be_cut(file: File, raw: Path, terms: Terms) -> bool:
    """Whether the file is large, and a text as its contract expects it."""
    dialect = terms.contract.dialect
    if terms.feed.takes_whole or size_of(file) < 2 * terms.limits.part_bytes:
        return False
    return kind_of(raw) is Kind.TEXT and dialect_of(raw, dialect) == dialect


def _read_top(landing: Landing, terms: Terms, folder: Path) -> tuple[Top, DriftWatch]:
    """The top of the file, and the watch over its columns."""
    with from_top(landing.raw.path, terms, folder, landing.raw.open) as found:
        watch = DriftWatch(found.names, None, terms.contract, terms.memory)
        return Top(found.names, found.line_end, found.heads), watch


def _gathered(worker: _Coordinator, top: Top, parts: Sequence[Part], raw: Path) -> list[Found]:
    """What was found in all parts: in those that nobody else has taken by ourselves."""
    others = list(parts)
    for each in parts:
        worker.terms.check()
        if worker.take(each):
            worker.do_own(top, each, raw)
            # They begin at the end.
            while others and worker.found(others[-1]) is not None:
                others.pop()
    found = []
    until = time.monotonic() + max(_LEAST_PATIENCE, _PATIENCE * worker.slowest)
    for each in parts:
        while (said := worker.found(each)) is None:
            worker.terms.check()
            if time.monotonic() > until:
                worker.do_own(top, each, raw)
            else:
                time.sleep(_LOOK_SECONDS)
        found.append(said)
    return found


def _together(worker: PartWorker, found: Sequence[Found], watch: DriftWatch) -> Staged | None:
    """The file that the parts make; None if rows of it are to be rejected because of others."""
    terms, contract = worker.terms, watch.contract
    whole = WholeFile(contract, terms.feed, watch.header.labels)
    checker = ChunkPipeline(terms.feed, contract, watch, terms.now.date(), whole)
    for each in found:
        checker.merge(each.warned)
        watch.merge(each.watch or {})
    keys = tuple(each.rows for each in found if each.rows)
    needed = whole.has_rules or table_expectations(contract)
    rows = tuple(worker.fetch(keys, "rows")) if needed else ()
    if rows and whole.look(rows):
        return None
    rejects = worker.folder / "rejects.parquet"
    if bad := [each.rejects for each in found if each.rejects]:
        join_rejects(worker.fetch(bad, "rejects"), rejects)
    walk = Walk(
        rows=rows,
        rejects=rejects,
        counts=Counts(
            read=sum(each.counts.read for each in found),
            loaded=sum(each.counts.loaded for each in found),
            rejected=sum(each.counts.rejected for each in found),
            dropped=sum(each.counts.dropped for each in found),
            aggregated=sum(each.counts.aggregated for each in found),
        ),
        partitions=tuple(sorted({name for each in found for name in each.partitions})),
        watch=watch,
        checker=checker,
        accounted=sum((Accounted.from_json(each.accounted) for each in found), Accounted()),
    )
    size = sum(each.size for each in found)
    return replace(judged(walk, whole), keys=keys, size=size)
