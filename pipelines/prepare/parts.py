"""Parts: one large file, prepared by several workers at once.

The worker that has claimed the file cuts it and does part after part, as they come; once the whole
file has landed, it asks the others for help with the rest. A part is taken by whoever is first to
write a small object; what was found in it is written down the same way. Nobody is depended on: a
part whose taker is not heard of is done by the file's own worker, and everything lies under the
attempt's own prefix, so that a later attempt knows nothing of it.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.drift.detector import NOTHING_KNOWN, DriftWatch
from pipelines.parse import Accounts, CannotBeCutError, Parsed, Part, ahead, cut, parsed, read_part
from pipelines.parse.kind import Kind, kind_of
from pipelines.prepare.chunk_pipeline import ChunkPipeline
from pipelines.prepare.file_span import FileSpan
from pipelines.prepare.land import Landing
from pipelines.prepare.parts_exchange import Found, Plan, Top, read_plan, size_of
from pipelines.prepare.stage_file import Staged, Terms, Walk, judged, walked
from pipelines.rejects.correction import dialect_of
from pipelines.rejects.table import join_rejects
from pipelines.runtime import Runtime, Work
from pipelines.stored_files import COPY_BYTES
from pipelines.validate.file_rules import WholeFile
from pipelines.validate.rules import table_expectations
from schemas import storage_keys
from schemas.accounted import Accounted
from schemas.errors import DataError
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
    worker = _PartWorker(runtime, file, terms, folder)
    try:
        found = _staged_parts(runtime.ask, file, landing, top, worker)
    except CannotBeCutError:
        return None
    return None if any(each.refused for each in found) else _together(worker, found, watch)


def _staged_parts(
    ask: Callable[[Iterable[Work]], None],
    file: File,
    landing: Landing,
    top: Top,
    worker: _PartWorker,
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
        worker = _PartWorker(runtime, file, terms, Path(folder))
        wanted = plan.parts[int(number)]
        if worker.take(wanted):
            with runtime.storage.open(plan.landing_key, (wanted.start, wanted.end)) as stream:
                worker.do(plan.top, wanted, _below(plan.top, wanted, stream, terms))
    return []


def _is_to_be_cut(file: File, raw: Path, terms: Terms) -> bool:
    """Whether the file is large, and a text as its contract expects it."""
    dialect = terms.contract.dialect
    if terms.feed.takes_whole or size_of(file) < 2 * terms.limits.part_bytes:
        return False
    return kind_of(raw) is Kind.TEXT and dialect_of(raw, dialect) == dialect


def _read_top(landing: Landing, terms: Terms, folder: Path) -> tuple[Top, DriftWatch]:
    """The top of the file, and the watch over its columns."""
    with _from_top(landing.raw.path, terms, folder, landing.raw.open) as found:
        watch = DriftWatch(found.names, None, terms.contract, terms.memory)
        return Top(found.names, found.line_end, found.heads), watch


class _PartWorker:
    """Where one worker does parts of a file: one after the other, in a folder of its own."""

    def __init__(self, runtime: Runtime, file: File, terms: Terms, folder: Path) -> None:
        self.storage, self.terms, self.folder = runtime.storage, terms, folder
        self._prefix = file.staged_prefix
        self.slowest = 0.0

    def take(self, part: Part) -> bool:
        """Whether the part is ours to do: nobody has taken it before."""
        return self.write(storage_keys.taken(self._prefix, part.number), {})

    def found(self, part: Part) -> Found | None:
        """What was found in the part, once its taker has written it down."""
        try:
            with self.storage.open(storage_keys.found(self._prefix, part.number)) as stream:
                said = json.load(stream)
        except FileNotFoundError:
            return None
        partitions = tuple(said.pop("partitions"))
        return Found(counts=Counts(**said.pop("counts")), partitions=partitions, **said)

    def do_own(self, top: Top, part: Part, raw: Path) -> None:
        """Stage a part of the file that lies here; its bytes have come."""
        begun = time.monotonic()
        with io.BufferedReader(FileSpan(raw, part.start, part.end), COPY_BYTES) as span:
            reading: AbstractContextManager[Parsed] = (
                _below(top, part, span, self.terms)
                if part.number
                else _from_top(raw, self.terms, self.folder, lambda: span)
            )
            self.do(top, part, reading)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def do(self, top: Top, part: Part, reading: AbstractContextManager[Parsed]) -> None:
        """Stage the rows of a part that are being read, and write down what was found in it."""
        terms, token = self.terms, uuid.uuid4().hex[:8]
        watch = DriftWatch(top.names, None, terms.contract, NOTHING_KNOWN)
        whole = WholeFile(terms.contract, terms.feed)
        try:
            accounts = Accounts()
            with reading as found:
                counted = replace(found, chunks=accounts.over(found.chunks))
                walk = walked(counted, watch, terms, self.folder, whole, accounts)
        except DataError:
            self._tell(part, Found(refused=True))
            return
        keys: dict[str, str] = {}
        size = (self.folder / "rows.parquet").stat().st_size if walk.counts.loaded else 0
        for name, count in (("rows", walk.counts.loaded), ("rejects", walk.counts.rejected)):
            if count:
                keys[name] = storage_keys.of_part(self._prefix, name, part.number, token)
                path = self.folder / f"{name}.parquet"
                self.storage.put(keys[name], path, is_final=True)
                # The next part's rows go into a file of their own.
                path.unlink()
        self._tell(
            part,
            Found(
                rows=keys.get("rows"),
                rejects=keys.get("rejects"),
                size=size,
                counts=walk.counts,
                partitions=walk.partitions,
                warned=walk.checker.to_json(),
                watch=watch.to_json(),
                accounted=walk.accounted.to_json(),
            ),
        )

    def write(self, key: str, value: Any) -> bool:
        """Write a small object; False if it is there already."""
        path = self.folder / "note.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return self.storage.put(key, path)

    def fetch(self, keys: Sequence[str], name: str) -> list[Path]:
        """Staged files brought here from storage."""
        paths = []
        for number, key in enumerate(keys):
            paths.append(self.folder / f"{name}-{number}.parquet")
            with self.storage.open(key) as stream, paths[-1].open("wb") as copy:
                shutil.copyfileobj(stream, copy, COPY_BYTES)
        return paths

    def _tell(self, part: Part, found: Found) -> None:
        self.write(storage_keys.found(self._prefix, part.number), asdict(found))


def _from_top(
    raw: Path, terms: Terms, folder: Path, opened: Callable[[], BinaryIO]
) -> AbstractContextManager[Parsed]:
    """The rows below the header, of as much of the file as is opened."""
    dialect, limits = terms.contract.dialect, terms.limits
    columns = [column.name for column in terms.contract.file_columns]
    return parsed(raw, dialect, limits, folder, columns, opened=opened)


@contextmanager
def _below(top: Top, part: Part, stream: BinaryIO, terms: Terms) -> Iterator[Parsed]:
    """The rows of a part that has no header."""
    dialect, limits = terms.contract.dialect, terms.limits
    above = Parsed(top.names, iter(()), top.line_end, top.heads)
    found = read_part(stream, dialect, limits.block_bytes, above, part.line, "en")
    with ahead(found.chunks) as chunks:
        yield replace(found, chunks=chunks)


def _gathered(worker: _PartWorker, top: Top, parts: Sequence[Part], raw: Path) -> list[Found]:
    """What was found in all parts: in those that nobody else has taken by ourselves."""
    for each in parts:
        worker.terms.check()
        if worker.take(each):
            worker.do_own(top, each, raw)
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


def _together(worker: _PartWorker, found: Sequence[Found], watch: DriftWatch) -> Staged | None:
    """The file that the parts make; None if rows of it are to be rejected because of others."""
    terms, contract = worker.terms, watch.contract
    whole = WholeFile(contract, terms.feed)
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
