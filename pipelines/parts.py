"""Parts: one large file, prepared by several workers at once.

The worker that has claimed the file cuts it, asks the others for help, and does part after part
itself. A part is taken by whoever is first to write a small object; what was found in it is written
down the same way. Nobody is depended on: a part whose taker is not heard of is done by the file's
own worker, and everything lies under the attempt's own prefix, so that a later attempt knows
nothing of it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.checker import Checker
from pipelines.correction import dialect_of
from pipelines.drift import NOTHING_KNOWN, DriftWatch
from pipelines.kind import Kind, kind_of
from pipelines.land import Landed
from pipelines.parse import Parsed, Part, cut, parsed, read_part
from pipelines.runtime import Runtime, Work
from pipelines.stage import join_rejects
from pipelines.staging import Staged, Terms, Walk, judged, walked
from pipelines.validate import table_expectations
from pipelines.whole import WholeFile
from schemas.errors import DataError
from schemas.file import Counts, File, Status

_COPY_BYTES = 1024 * 1024
_LOOK_SECONDS = 0.05
_LEAST_PATIENCE, _PATIENCE = 10.0, 4.0
"""Seconds, and times the slowest part of our own, to wait for a part that another has taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a file is cut, and what is to be known of its top and of its terms by who reads a part
    of it."""

    landing_key: str
    contract_version: str
    now: str
    names: tuple[str, ...]
    line_end: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found in a part, and where in storage its rows are; nothing of a `refused` one."""

    rows: str | None = None
    rejects: str | None = None
    counts: Counts = field(default_factory=Counts)
    partitions: tuple[str, ...] = ()
    warned: Sequence[Any] = ()
    watch: dict[str, Any] | None = None
    refused: bool = False


def stage_parts(
    runtime: Runtime, file: File, raw: Landed, terms: Terms, folder: Path
) -> Staged | None:
    """The file staged in parts, with whoever has time to help; None if it must be read in one
    piece.

    So must one that cannot be cut with certainty or is not large, whose columns are not just the
    contract's, that has a part which cannot be read, or rows to be rejected because of others.
    """
    planned = _planned(raw, terms, folder) if runtime.ask is not None else None
    if planned is None or runtime.ask is None:
        return None
    plan, watch = planned
    desk = _Desk(runtime, file, terms, folder)
    desk.write(f"{file.staged_prefix}/parts/plan.json", asdict(plan))
    runtime.ask(
        [
            Work("part", f"{file.file_id}/{file.attempt}/{part.number}")
            for part in reversed(plan.parts[1:])
        ]
    )
    found = _gathered(desk, plan, raw.path)
    if any(each.refused for each in found):
        return None
    return _together(desk, found, watch)


def part(runtime: Runtime, target: str) -> list[Work]:
    """Stage one part of a file that another worker is preparing (`file id/attempt/number`);
    nothing if it is not wanted any more, or taken."""
    file_id, attempt, number = target.split("/")
    file = next(iter(runtime.ledger.many([file_id])), None)
    if file is None or file.status is not Status.PREPARING or file.attempt != int(attempt):
        return []
    feed = runtime.feeds[file.feed]
    contract = runtime.contract_of(feed)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="part-") as folder:
        plan = _read_plan(runtime, file)
        if plan is None or plan.contract_version != contract.version:
            return []
        now = datetime.fromisoformat(plan.now)
        terms = Terms.of(file_id, feed, contract, runtime.limits, now)
        desk = _Desk(runtime, file, terms, Path(folder))
        wanted = plan.parts[int(number)]
        if desk.take(wanted):
            with runtime.storage.open(plan.landing_key, (wanted.start, wanted.end)) as stream:
                desk.do(plan, wanted, stream)
    return []


def _planned(raw: Landed, terms: Terms, folder: Path) -> tuple[Plan, DriftWatch] | None:
    """How the file is to be cut, and the watch over its columns; None if it is not to be cut."""
    contract, limits = terms.contract, terms.limits
    dialect = contract.dialect
    if terms.feed.whole_file or raw.size < 2 * limits.part_bytes:
        return None
    if kind_of(raw.path) is not Kind.TEXT or dialect_of(raw.path, dialect) != dialect:
        return None
    columns = [column.name for column in contract.file_columns]
    with parsed(raw.path, dialect, limits, folder, columns, terms.feed.language) as found:
        names, line_end = found.names, found.line_end
        watch = DriftWatch(names, None, contract, terms.memory)
    parts = cut(raw.path, dialect, limits.part_bytes) if watch.follows_contract else ()
    if len(parts) < 2:
        return None
    plan = Plan(
        landing_key=raw.key,
        contract_version=contract.version,
        now=terms.now.isoformat(),
        names=names,
        line_end=line_end,
        parts=parts,
    )
    return plan, watch


class _Desk:
    """Where one worker does parts of a file: one after the other, in a folder of its own."""

    def __init__(self, runtime: Runtime, file: File, terms: Terms, folder: Path) -> None:
        self.storage, self.terms, self.folder = runtime.storage, terms, folder
        self._prefix = file.staged_prefix

    def take(self, part: Part) -> bool:
        """Whether the part is ours to do: nobody has taken it before."""
        return self.write(f"{self._prefix}/parts/{part.number}.taken", {})

    def found(self, part: Part) -> Found | None:
        """What was found in the part, once its taker has written it down."""
        try:
            with self.storage.open(f"{self._prefix}/parts/{part.number}.json") as stream:
                said = json.load(stream)
        except FileNotFoundError:
            return None
        partitions = tuple(said.pop("partitions"))
        return Found(counts=Counts(**said.pop("counts")), partitions=partitions, **said)

    def do(self, plan: Plan, part: Part, stream: Any) -> None:
        """Stage the part, whose bytes the stream has, and write down what was found in it."""
        terms, token = self.terms, uuid.uuid4().hex[:8]
        watch = DriftWatch(plan.names, None, terms.contract, NOTHING_KNOWN)
        whole = WholeFile(terms.contract, terms.feed)
        try:
            with self._parsed(plan, part, stream) as parsed_part:
                walk = walked(parsed_part, watch, terms, self.folder, whole)
        except DataError:
            self._tell(part, Found(refused=True))
            return
        keys: dict[str, str] = {}
        for name, count in (("rows", walk.counts.loaded), ("rejects", walk.counts.rejected)):
            if count:
                keys[name] = f"{self._prefix}/{name}-{part.number:03}-{token}.parquet"
                self.storage.put(keys[name], self.folder / f"{name}.parquet")
        self._tell(
            part,
            Found(
                rows=keys.get("rows"),
                rejects=keys.get("rejects"),
                counts=walk.counts,
                partitions=walk.partitions,
                warned=walk.checker.facts(),
                watch=watch.facts(),
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
                shutil.copyfileobj(stream, copy, _COPY_BYTES)
        return paths

    def _tell(self, part: Part, found: Found) -> None:
        self.write(f"{self._prefix}/parts/{part.number}.json", asdict(found))

    @contextmanager
    def _parsed(self, plan: Plan, part: Part, stream: Any) -> Iterator[Parsed]:
        """The part's rows; those of part 0 stand below the header."""
        terms = self.terms
        dialect, limits, language = terms.contract.dialect, terms.limits, terms.feed.language
        if part.number:
            found = read_part(stream, dialect, limits.block_bytes, plan.names, part.line, language)
            yield replace(found, line_end=plan.line_end)
            return
        top = self.folder / "part.raw"
        with top.open("wb") as copy:
            shutil.copyfileobj(stream, copy, _COPY_BYTES)
        columns = [column.name for column in terms.contract.file_columns]
        with parsed(top, dialect, limits, self.folder, columns, language) as found:
            yield found


def _gathered(desk: _Desk, plan: Plan, raw: Path) -> list[Found]:
    """What was found in all parts: in those that nobody else has taken by ourselves."""
    slowest = 0.0

    def do(part: Part) -> None:
        nonlocal slowest
        begun = time.monotonic()
        with raw.open("rb") as stream:
            stream.seek(part.start)
            desk.do(plan, part, _Span(stream, part.end - part.start))
        slowest = max(slowest, time.monotonic() - begun)

    for each in plan.parts:
        desk.terms.check()
        if desk.take(each):
            do(each)
    found = []
    until = time.monotonic() + max(_LEAST_PATIENCE, _PATIENCE * slowest)
    for each in plan.parts:
        while (said := desk.found(each)) is None:
            desk.terms.check()
            if time.monotonic() > until:
                do(each)
            else:
                time.sleep(_LOOK_SECONDS)
        found.append(said)
    return found


def _together(desk: _Desk, found: Sequence[Found], watch: DriftWatch) -> Staged | None:
    """The file that the parts make; None if rows of it are to be rejected because of others."""
    terms, contract = desk.terms, watch.contract
    whole = WholeFile(contract, terms.feed)
    checker = Checker(terms.feed, contract, watch, terms.now.date(), whole)
    for each in found:
        checker.absorb(each.warned)
        watch.absorb(each.watch or {})
    keys = tuple(each.rows for each in found if each.rows)
    needed = whole.has_rules or table_expectations(contract)
    rows = tuple(desk.fetch(keys, "rows")) if needed else ()
    if rows and whole.look(rows):
        return None
    rejects = desk.folder / "rejects.parquet"
    if bad := [each.rejects for each in found if each.rejects]:
        join_rejects(desk.fetch(bad, "rejects"), rejects)
    walk = Walk(
        rows=rows,
        rejects=rejects,
        counts=Counts(
            read=sum(each.counts.read for each in found),
            loaded=sum(each.counts.loaded for each in found),
            rejected=sum(each.counts.rejected for each in found),
            dropped=sum(each.counts.dropped for each in found),
        ),
        partitions=tuple(sorted({name for each in found for name in each.partitions})),
        watch=watch,
        checker=checker,
    )
    return replace(judged(walk, whole, terms.feed.language), keys=keys)


def _read_plan(runtime: Runtime, file: File) -> Plan | None:
    try:
        with runtime.storage.open(f"{file.staged_prefix}/parts/plan.json") as stream:
            said = json.load(stream)
    except FileNotFoundError:
        return None
    parts = tuple(Part(**each) for each in said.pop("parts"))
    return Plan(names=tuple(said.pop("names")), parts=parts, **said)


class _Span:
    """The next so many bytes of a stream."""

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int) -> bytes:
        """Up to that many of them; none at the end."""
        data: bytes = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data
