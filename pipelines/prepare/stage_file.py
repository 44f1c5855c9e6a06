"""Stage a file: parse, cast, validate and transform its rows, and write them as Parquet.

A file is walked from its top, or in parts (`pipelines.prepare.parts`), each of which tells what it
found; the verdict on the file is the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from pipelines.background_writer import BackgroundParquetWriter, Gathered, Opens
from pipelines.drift.detector import NOTHING_KNOWN, DriftWatch, FeedHistory
from pipelines.feed import Feed
from pipelines.parse import Accounts, Chunk, Parsed, parsed
from pipelines.prepare.chunk_pipeline import ChunkPipeline
from pipelines.prepare.writers import RowsWriter
from pipelines.rejects.correction import Correcting, dialect_of
from pipelines.rejects.table import RejectsWriter
from pipelines.validate import rules
from pipelines.validate.file_rules import WholeFile
from pipelines.validate.file_verdict import verdict
from pipelines.validate.row_rules import Judge
from schemas.accounted import NOTHING, Accounted
from schemas.contract import Contract
from schemas.drift import Finding, Profile
from schemas.errors import DataError
from schemas.file import Counts
from schemas.language import translate
from schemas.limits import Limits

ROWS, REJECTS = "rows.parquet", "rejects.parquet"
"""The names of a file's good and bad rows in its folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """What preparing a file made: local Parquet files, counts, partitions and the verdict.

    `rows` have the good rows, which take `size` bytes; `keys` says where in storage they are, if
    they are there already.
    `contract` is the one it was staged by, which drift may have extended; `drift` is what differs,
    `profiles` what the columns look like. `accounted` says what became of every line.
    """

    rows: tuple[Path, ...]
    rejects: Path
    counts: Counts
    partitions: tuple[str, ...]
    contract: Contract
    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    drift: tuple[Finding, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    size: int
    accounted: Accounted = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a file is staged by. `now` is the moment that windows and moving bounds are counted
    from; `contract` has its bounds set for it; `memory` is what is known of the feed's files;
    `correcting` says that the file is a correction, and of what; `judge` has judged rows of other
    files by this contract."""

    file_id: str
    feed: Feed
    contract: Contract
    limits: Limits
    now: datetime
    memory: FeedHistory = NOTHING_KNOWN
    check: Callable[[], None] = lambda: None
    correcting: Correcting | None = None
    judge: Judge | None = None

    @classmethod
    def of(
        cls,
        file_id: str,
        feed: Feed,
        contract: Contract,
        limits: Limits,
        now: datetime | None = None,
        **more: Any,
    ) -> Terms:
        """The terms of a moment, by default of this one."""
        now = now or datetime.now(UTC)
        return cls(
            file_id=file_id, feed=feed, contract=rules.resolve_relative_bounds(contract, now),
            limits=limits, now=now, **more,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """One walk over the rows of a file, or of a part of it: the Parquet files that it wrote, and
    who has seen the rows."""

    rows: tuple[Path, ...]
    rejects: Path
    counts: Counts
    partitions: tuple[str, ...]
    watch: DriftWatch
    checker: ChunkPipeline
    accounted: Accounted


def stage_file(
    path: Path, terms: Terms, folder: Path, opened: Callable[[], BinaryIO] | None = None
) -> Staged:
    """Stage a raw file's rows as Parquet files inside `folder`, in one walk over it.

    `opened` opens a text of which only the beginning may have come yet. Raises DataError when the
    file as a whole cannot be read under the contract, HeldBackError when its columns are not the
    contract's and its drift policy does not allow for it.
    """
    whole = WholeFile(terms.contract, terms.feed)
    walk = _walked_file(path, terms, folder, whole, opened)
    while whole.look(walk.rows):
        # Few files need this: rows of theirs are to be rejected because of others.
        walk = _walked_file(path, terms, folder, whole, opened)
    if terms.correcting is not None:
        return _judged_correction(walk, whole, terms.correcting)
    return judged(walk, whole)


def stage_small(path: Path, terms: Terms, folder: Path) -> tuple[Staged, Gathered]:
    """Stage a small file in memory, without a thread; no rule of its feed may be about whole files.
    Its rows and rejects are the tables of these names. Raises as `stage_file`."""
    whole, gathered = WholeFile(terms.contract, terms.feed), Gathered()
    walk = _walked_file(path, terms, folder, whole, None, gathered.open)
    return judged(replace(walk, rows=()), whole), gathered


def _judged_correction(walk: Walk, whole: WholeFile, correcting: Correcting) -> Staged:
    """A correction is no file by itself: what counts bad rows or looks at all of them does not ask
    about it."""
    for rows in walk.rows:
        correcting.renumber(rows)
    staged = judged(walk, whole)
    refusal = None
    if not walk.counts.loaded:
        refusal = translate("none of its rows is good")
    return replace(staged, refusal=refusal, profiles={}, drift=())


def _walked_file(
    path: Path,
    terms: Terms,
    folder: Path,
    whole: WholeFile,
    opened: Callable[[], BinaryIO] | None,
    opens: Opens = BackgroundParquetWriter,
) -> Walk:
    contract, limits = terms.contract, terms.limits
    columns = [column.name for column in contract.file_columns]
    dialect = dialect_of(path, contract.dialect, limits)
    accounts = Accounts()
    try:
        beside = opens is BackgroundParquetWriter
        with parsed(path, dialect, limits, folder, columns, opened, beside=beside) as found:
            if terms.correcting is not None:
                found = terms.correcting.over(found)
            counted = accounts.over(found.chunks)
            above, first = _first_rows(counted)
            watch = DriftWatch(found.names, first, contract, terms.memory)
            chunks = watch.checked(chain(above, counted))
            found = replace(found, chunks=chunks)
            return walked(found, watch, terms, folder, whole, accounts, opens)
    except DataError as error:
        error.accounted = accounts.given_up(path, dialect, limits, opened)
        raise


def _first_rows(chunks: Iterator[Chunk]) -> tuple[list[Chunk], Chunk | None]:
    """The chunks up to the first that has rows, and that one."""
    above = []
    for chunk in chunks:
        above.append(chunk)
        if chunk.rows:
            return above, chunk
    return above, None


def walked(
    found: Parsed,
    watch: DriftWatch,
    terms: Terms,
    folder: Path,
    whole_file: WholeFile,
    accounts: Accounts,
    opens: Opens = BackgroundParquetWriter,
) -> Walk:
    """Check and write the rows of a file, or of a part of it, but those that the whole file speaks
    against. `accounts` has counted its chunks as they came; `opens` says where they are written."""
    read = 0
    whole: list[tuple[pa.Table, Chunk]] = []
    feed, contract = terms.feed, watch.contract
    whole_file.labels = watch.header.labels
    with ExitStack() as out:
        rows = out.enter_context(RowsWriter(folder / ROWS, contract, terms.file_id, opens))
        rejects = out.enter_context(
            RejectsWriter(
                folder / REJECTS,
                found.names,
                found.line_end,
                terms.file_id,
                terms.correcting.delimiter if terms.correcting else "",
                opens,
            )
        )
        checker = ChunkPipeline(feed, contract, watch, terms.now.date(), whole_file, terms.judge)
        for chunk in found.chunks:
            terms.check()
            if not chunk.rows:
                continue
            read += chunk.rows
            whole_file.saw(chunk)
            good, reasons = checker.check(chunk)
            rejects.write(reasons.rejected(chunk))
            if feed.takes_whole:
                whole.append((good, chunk))
                _check_size(sum(table.nbytes for table, _ in whole), feed, terms.limits)
            else:
                rows.write(checker.transformed(good, [chunk], rejects))
        if whole:
            tables, chunks = zip(*whole, strict=True)
            rows.write(checker.transformed(pa.concat_tables(tables), chunks, rejects))
    rest = read - rows.rows - rejects.rows
    counts = Counts(
        read=read,
        loaded=rows.rows,
        rejected=rejects.rows,
        dropped=0 if feed.makes_rows else rest,
        aggregated=rest if feed.makes_rows else 0,
    )
    return Walk(
        rows=(rows.path,),
        rejects=rejects.path,
        counts=counts,
        partitions=rows.partitions,
        watch=watch,
        checker=checker,
        accounted=accounts.complete(),
    )


def _check_size(size: int, feed: Feed, limits: Limits) -> None:
    """A transform's frame is held in memory, so it is bounded."""
    if size > limits.frame_bytes:
        raise DataError(
            "the file's rows take {size:,} bytes, more than the {most:,} that the feed's transform"
            " gets at once",
            hint="send smaller files; or set chunked=True in dags/{feed}.py if its transform looks"
            " at each row by itself, or raise limits.frame_bytes",
            size=size,
            most=limits.frame_bytes,
            feed=feed.name,
        )


def judged(walk: Walk, whole: WholeFile) -> Staged:
    """What was staged, with the verdict on the file as a whole."""
    contract = walk.watch.contract
    labels = walk.watch.header.labels
    refusal, warnings = verdict(walk.counts, walk.rows, contract, whole.replaced, labels)
    return Staged(
        rows=walk.rows,
        rejects=walk.rejects,
        counts=walk.counts,
        partitions=walk.partitions,
        contract=contract,
        refusal=refusal,
        warnings=(*walk.checker.warnings(), *whole.warnings, *warnings),
        drift=walk.watch.findings(),
        profiles=walk.watch.profiles,
        size=sum(path.stat().st_size for path in walk.rows),
        accounted=walk.accounted,
    )
