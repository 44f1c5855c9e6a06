"""Chunk pipeline: every chunk of a file is cast, validated, transformed; bad rows get reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import pyarrow as pa

from pipelines import cast
from pipelines.cast.partition import outside_partition
from pipelines.drift.detector import DriftWatch
from pipelines.feed import Feed
from pipelines.parse import Chunk
from pipelines.prepare.transform import LINE, to_frame, transform_rows
from pipelines.rejects.table import RejectsWriter
from pipelines.validate import rules
from pipelines.validate.file_rules import WholeFile, warning
from pipelines.validate.row_problems import Reasons
from pipelines.validate.row_rules import Judge
from schemas.contract import Contract, Expectation


class ChunkPipeline:
    """Checks the chunks of one file under its contract, and remembers what it only warns of.

    `today` is the day that windows are counted from; `whole` knows the rows that other rows of the
    file speak against; `judge` is one of the same rules that has seen other files.
    """

    def __init__(
        self,
        feed: Feed,
        contract: Contract,
        watch: DriftWatch,
        today: date,
        whole: WholeFile,
        judge: Judge | None = None,
    ) -> None:
        self._feed, self._contract, self._watch = feed, contract, watch
        self._names, self._labels = watch.header.columns, watch.header.labels
        self._today, self._whole = today, whole
        self._before = judge or Judge(rules.expectations_for(contract, derived=False))
        self._after = Judge(
            [
                *rules.expectations_for(contract, derived=True),
                *(rules.expectations_for(contract, derived=False) if feed.makes_rows else ()),
            ]
        )
        self._warned: dict[str, tuple[int, int, Expectation]] = {}

    def check(self, chunk: Chunk) -> tuple[pa.Table, Reasons]:
        """The chunk's good rows (file columns and `_etl_row`), and why the others are bad."""
        chunk = self._watch.header.filled(chunk)
        typed = cast.cast_chunk(chunk, self._names, self._contract, self._today, self._labels)
        self._watch.saw(chunk, typed)
        reasons = Reasons(typed, self._labels, chunk, self._names)
        for broken in self._before.broken(typed.rows):
            reasons.add(broken)
        if not self._feed.makes_rows:
            reasons.judge(self._whole)
        self._remember(reasons)
        good = typed.rows.append_column(LINE, pa.array(chunk.lines))
        return good.filter(pa.array(~reasons.bad)), reasons

    def transformed(
        self, good: pa.Table, chunks: Sequence[Chunk], rejects: RejectsWriter
    ) -> pa.Table:
        """The rows after the feed's transform, less those whose derived columns are bad."""
        contract = self._contract
        lines = good.column(LINE).combine_chunks()
        table = transform_rows(self._feed, to_frame(good.drop_columns(LINE), lines), contract)
        made = self._feed.makes_rows
        derived = [column for column in contract.columns if column.derived or made]
        if not derived:
            return table
        reasons = Reasons.after_transform(table, {} if made else self._labels)
        if made:
            reasons.judge(self._whole)
        for column in derived:
            if column.required:
                reasons.require(column.name)
            values = table.column(column.name).combine_chunks()
            for each in outside_partition(values, column, contract, self._today):
                reasons.violation(column.name, each)
        for broken in self._after.broken(table.drop_columns(LINE)):
            reasons.add(broken)
        self._remember(reasons)
        rejects.write(reasons.rejected_made() if made else reasons.rejected_rows(chunks))
        return table.filter(pa.array(~reasons.bad))

    def warnings(self) -> tuple[str, ...]:
        """What is told of the rows that break rules which only warn."""
        return tuple(
            warning(rule, rows, self._whole.where(place), self._labels)
            for rows, place, rule in self._warned.values()
        )

    def to_json(self) -> list[tuple[str, int, int, int]]:
        """What is to be warned of, as JSON can say it: the words, how many rows, the place of the
        first, and which of the contract's rules."""
        rules = self._contract.expectations
        return [
            (told, rows, place, rules.index(rule))
            for told, (rows, place, rule) in self._warned.items()
        ]

    def merge(self, facts: Iterable[tuple[str, int, int, int]]) -> None:
        """Take over what was warned of in the file's next part."""
        for told, rows, place, index in facts:
            rule = self._contract.expectations[index]
            before, first, _ = self._warned.get(told, (0, place, rule))
            self._warned[told] = (before + rows, first, rule)

    def _remember(self, reasons: Reasons) -> None:
        for told, (rows, place, rule) in reasons.warnings.items():
            before, first, _ = self._warned.get(told, (0, place, rule))
            self._warned[told] = (before + rows, first, rule)
