"""Stage a bundle: the rows of many small files of a feed, cast and checked at once.

What is said of a row depends on no other row, nor on the file it came with, so that the rows of all
files go through casting and checking as one table. A file of which anything has to be said (a bad
row, a column that drift adds) is then staged alone, in memory; each file has a verdict of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import cast
from pipelines.cast import Typed
from pipelines.drift.detector import DriftWatch
from pipelines.feed import Feed
from pipelines.parse import Accounts, Chunk, parsed
from pipelines.parse.chunk import without_rows
from pipelines.prepare.partitions import partitions_of
from pipelines.prepare.stage_file import REJECTS, ROWS, Staged, Terms, stage_file, stage_small
from pipelines.prepare.transform import to_frame, transform_rows
from pipelines.validate import rules
from pipelines.validate.row_rules import Judge
from pipelines.validate.unique_keys import keys_of
from schemas.accounted import Accounted
from schemas.arrow import FILE, LINE, staged_schema
from schemas.contract import Contract
from schemas.drift import KEPT_PROFILES, Profile
from schemas.errors import DataError
from schemas.file import Counts


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedSmall:
    """What staging one small file of a bundle made. Its rejects are a table; its rows are in the
    bundle's, or in `rows` if it was staged alone. `watch` knows what its columns look like."""

    staged: Staged
    rows: pa.Table | None = None
    rejects: pa.Table | None = None
    watch: DriftWatch | None = None

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """What its columns look like."""
        return self.staged.profiles if self.watch is None else self.watch.profiles


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedBundle:
    """What staging a bundle made: what became of each file, by its id, and the good rows of those
    that were staged together (the contract's columns, `_etl_file`, `_etl_row`)."""

    files: Mapping[str, StagedSmall | DataError]
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class _Read:
    """A small file that was read whole: its chunk, whose cells are the contract's columns."""

    file_id: str
    chunk: Chunk
    watch: DriftWatch
    accounted: Accounted
    cells: pa.Table


class BundleStager:
    """Stages bundles of a feed's small files under one version of its contract.

    `terms` are those of any of the files; no rule of the feed may be about whole files.
    """

    def __init__(self, terms: Terms, folder: Path) -> None:
        judge = Judge(rules.expectations_for(terms.contract, derived=False))
        self._seen = {name: [*some] for name, some in terms.memory.profiles.items()}
        memory = replace(terms.memory, profiles=self._seen)
        self._terms, self._folder = replace(terms, judge=judge, memory=memory), folder
        self._columns = [column.name for column in terms.contract.file_columns]

    def stage(self, raws: Mapping[str, Path]) -> StagedBundle:
        """Stage some files, given as their local copies by file id."""
        made: dict[str, StagedSmall | DataError] = {}
        rows = staged_schema(self._terms.contract.columns).empty_table()
        # A transform is asked file by file, so that its errors are about one.
        if self._terms.feed.transform is None and (together := self._read_all(raws, made)):
            rows = self._together(together, made)
        for file_id, path in raws.items():
            if file_id not in made:
                self._terms.check()
                made[file_id] = self._alone(file_id, path)
        return StagedBundle(files=made, rows=rows)

    def _read_all(
        self, raws: Mapping[str, Path], made: dict[str, StagedSmall | DataError]
    ) -> list[_Read]:
        """The files that may be staged together; why others cannot be read is noted."""
        together = []
        for file_id, path in raws.items():
            self._terms.check()
            try:
                read = self._read(file_id, path)
            except DataError as error:
                made[file_id] = error
                continue
            if read is not None:
                together.append(read)
        return together

    def _read(self, file_id: str, path: Path) -> _Read | None:
        """The file read whole; None if it must be staged alone. Raises DataError for one that
        cannot be read, or whose columns are not the contract's."""
        contract, limits = self._terms.contract, self._terms.limits
        accounts = Accounts()
        try:
            with parsed(
                path, contract.dialect, limits, self._folder, self._columns, beside=False
            ) as found:
                chunks = list(accounts.over(found.chunks))
                first = next((chunk for chunk in chunks if chunk.rows), None)
                watch = DriftWatch(found.names, first, contract, self._terms.memory)
                list(watch.checked(iter(chunks)))
        except DataError as error:
            error.accounted = accounts.given_up(path, contract.dialect, limits)
            raise
        if watch.contract is not contract or watch.header.correction:
            return None
        if any(chunk.ragged or chunk.beneath is not None for chunk in chunks):
            return None
        chunk = chunks[0] if len(chunks) == 1 else _joined(chunks, found.names)
        filled = watch.header.filled(chunk)
        names = watch.header.columns
        cells = filled.cells.select([names[name] for name in self._columns])
        return _Read(
            file_id, filled, watch, accounts.complete(), cells.rename_columns(self._columns)
        )

    def _alone(self, file_id: str, path: Path) -> StagedSmall | DataError:
        terms = replace(self._terms, file_id=file_id)
        try:
            if keys_of(terms.contract, terms.feed.mode):
                # A key that comes twice is looked for on the disk.
                staged = stage_file(path, terms, self._folder)
                rows = pq.read_table(staged.rows[0])
                bad = pq.read_table(staged.rejects)
            else:
                staged, gathered = stage_small(path, terms, self._folder)
                rows, bad = gathered.table(ROWS), gathered.table(REJECTS)
        except DataError as error:
            return error
        self._remember(staged.profiles)
        staged = replace(staged, size=rows.nbytes)
        return StagedSmall(staged=staged, rows=rows, rejects=bad if bad.num_rows else None)

    def _remember(self, profiles: Mapping[str, Profile]) -> None:
        """Let later files of the bundle be compared with this one."""
        for name, profile in profiles.items():
            self._seen[name] = [profile, *self._seen.get(name, ())][:KEPT_PROFILES]

    def _together(
        self, files: Sequence[_Read], made: dict[str, StagedSmall | DataError]
    ) -> pa.Table:
        """The good rows of the files of which nothing has to be said; what became of these is
        noted."""
        many = _Many(files, self._terms)
        rows = many.rows()
        for number, file in enumerate(files):
            if not many.is_bad[number]:
                typed, rows_of = many.typed_of(number), many.slice_of(number, rows)
                made[file.file_id] = _staged(file, typed, rows_of, self._terms.contract)
                self._remember(file.watch.compared())
        return rows.filter(pa.array(np.repeat(~many.is_bad, many.lengths)))


class _Many:
    """The rows of several files as one table."""

    def __init__(self, files: Sequence[_Read], terms: Terms) -> None:
        self.files, self._terms, self._contract = files, terms, terms.contract
        self.lengths = np.array([file.cells.num_rows for file in files])
        self._ends = np.cumsum(self.lengths)
        cells = pa.concat_tables([file.cells for file in files])
        self._places = np.arange(cells.num_rows)
        chunk = replace(without_rows(cells.column_names, Accounted()), cells=cells)
        chunk = replace(chunk, lines=self._places)
        names = {name: name for name in cells.column_names}
        self._typed = cast.cast_chunk(chunk, names, terms.contract, terms.now.date())

    @cached_property
    def is_bad(self) -> npt.NDArray[np.bool_]:
        """Of which files a row has anything said of it, if only a warning."""
        bad = self._typed.bad.copy()
        assert self._terms.judge is not None
        for broken in self._terms.judge.broken(self._typed.rows):
            bad[list(broken.positions)] = True
        found = np.zeros(len(self.files), np.bool_)
        found[np.searchsorted(self._ends, np.flatnonzero(bad), side="right")] = True
        for key in keys_of(self._contract, self._terms.feed.mode):
            found[self._with_repeats(key.columns)] = True
        return found

    def _with_repeats(self, columns: Sequence[str]) -> npt.NDArray[np.int64]:
        """The files in which a key comes more than once."""
        numbers = pa.array(np.repeat(np.arange(len(self.files)), self.lengths))
        keys = self._typed.rows.select(list(columns)).append_column(LINE, numbers)
        counted = keys.group_by(keys.column_names).aggregate([([], "count_all")])
        repeated = counted.filter(pc.greater(counted.column("count_all"), 1))
        return np.unique(repeated.column(LINE).to_numpy())

    def typed_of(self, number: int) -> Typed:
        """The rows of one file as they were cast."""
        chunk = self.files[number].chunk
        good = np.zeros(int(self.lengths[number]), np.bool_)
        return Typed(self.slice_of(number, self._typed.rows), good, (), chunk.lines)

    def slice_of(self, number: int, table: pa.Table) -> pa.Table:
        """The rows of one file."""
        length = int(self.lengths[number])
        return table.slice(int(self._ends[number]) - length, length)

    def rows(self) -> pa.Table:
        """The rows as they are loaded, in the order in which they came."""
        frame = to_frame(self._typed.rows, pa.array(self._places))
        table = transform_rows(self._terms.feed, frame, self._contract)
        names = np.repeat(np.array([file.file_id for file in self.files]), self.lengths)
        lines = np.concatenate([file.chunk.lines for file in self.files])
        table = table.drop_columns(LINE).append_column(FILE, pa.array(names, pa.string()))
        table = table.append_column(LINE, pa.array(lines, pa.int64()))
        schema = staged_schema(self._contract.columns)
        return table.select(schema.names).cast(schema)


def _staged(file: _Read, typed: Typed, rows: pa.Table, contract: Contract) -> StagedSmall:
    """What became of a file whose rows are all good."""
    file.watch.saw(file.chunk, typed)
    counts = Counts(read=rows.num_rows, loaded=rows.num_rows)
    staged = Staged(
        rows=(),
        rejects=Path(),
        counts=counts,
        partitions=tuple(sorted(partitions_of(rows, contract))),
        contract=contract,
        drift=file.watch.findings(),
        size=rows.nbytes,
        accounted=file.accounted,
    )
    return StagedSmall(staged=staged, watch=file.watch)


def is_for_bundles(feed: Feed, contract: Contract) -> bool:
    """Whether nothing but their keys is asked about a feed's files as a whole, so that many are
    staged at once."""
    whole = rules.expectations_of_all_rows(contract) or rules.table_expectations(contract)
    return not (feed.takes_whole or feed.makes_rows or whole)


def _joined(chunks: Sequence[Chunk], names: Sequence[str]) -> Chunk:
    """Several chunks as one, without their texts."""
    rows = [chunk for chunk in chunks if chunk.cells.num_rows]
    if not rows:
        return without_rows(names, Accounted())
    cells = pa.concat_tables([chunk.cells for chunk in rows])
    return replace(rows[0], cells=cells, lines=np.concatenate([chunk.lines for chunk in rows]))
