"""Dry run: one file under a feed. Runs the real prepare stage and loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.detect import (
    Detected,
    Disagreement,
    FoundColumn,
    column_disagreements,
    detect,
    disagreements,
)
from pipelines.drift.detector import NOTHING_KNOWN, FeedHistory
from pipelines.drift.match_columns import match_header
from pipelines.feed import Feed
from pipelines.operations.first_rows import FirstRow, first_rows
from pipelines.operations.masking import Mask
from pipelines.prepare.outcome import verdict_on
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from pipelines.rejects.correction import is_correction
from pipelines.rejects.table import read_rejects
from pipelines.validate.unique_keys import keys_of
from schemas.accounted import Accounted
from schemas.capabilities import Capabilities
from schemas.contract import Column, Contract
from schemas.drift import Finding
from schemas.errors import DataError
from schemas.file import Counts, Outcome
from schemas.language import render
from schemas.limits import Limits
from schemas.reject import RejectedRow

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of the warehouse: how much of it loading this file would use."""

    what: str
    uses: int
    of: int

    @property
    def share(self) -> float:
        """The used part of it, 0 to 1."""
        return self.uses / self.of


@dataclass(frozen=True, slots=True)
class RejectGroup:
    """The rows that break one rule in one column: how many, and the first of them. `header` is what
    the file's header calls the column, if that is something else."""

    rule: str
    column: str | None
    header: str | None
    rows: int
    examples: tuple[tuple[int, str, str | None], ...]
    """Of the first rows the line, the reason, and the archive's member that the line is in."""
    public: tuple[str, ...] = ()
    """What may be said of the examples to those who may not see values that are not public."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What would become of a file, and why.

    `rejects` are grouped by rule and column, the most frequent first; `load_bytes` is the Parquet
    that a load job would take. `reason` says why a file would be quarantined, `warnings` what its
    sender is told of rows that load. `drift` is what it shows against the contract and, as far as
    they are known, the feed's earlier files and what people have decided about these. `first` are
    the file's first rows as they would be loaded. `uneven` names rows that a transform in pieces
    makes otherwise when the pieces are others. `not_judged` says what only a real run can know.
    """

    name: str
    size: int
    detected: Detected | None
    disagreements: tuple[Disagreement, ...]
    columns: tuple[tuple[Column, str], ...]
    drift: tuple[Finding, ...]
    outcome: Outcome
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    accounted: Accounted | None = None
    uneven: tuple[str, ...] = ()
    first: tuple[FirstRow, ...] = ()
    rejects: tuple[RejectGroup, ...] = ()
    partitions: tuple[str, ...] = ()
    load_bytes: int = 0
    quotas: tuple[Quota, ...] = ()
    not_judged: tuple[str, ...] = ()


def check(
    path: Path,
    feed: Feed,
    contract: Contract,
    limits: Limits,
    folder: Path,
    tick: Callable[[], None] = lambda: None,
    *,
    capabilities: Capabilities,
    memory: FeedHistory | None = None,
    now: datetime | None = None,
) -> Checked:
    """What preparing and loading the file would do; only `folder` is written to.

    It is staged, and its verdict made, as a run does it. `memory` is what the ledger knows of the
    feed's earlier files; None where it cannot be asked. `tick` is called as the file is worked
    through. Raises what is nobody's fault but the feed's: TransformError and ContractError.
    """
    detected = _detected(path, limits)
    differs: list[Disagreement] = []
    if detected is not None:
        differs = [*disagreements(detected, contract), *column_disagreements(detected, contract)]
    uneven: tuple[str, ...] = ()
    known = NOTHING_KNOWN if memory is None else memory
    terms = Terms.of("check", feed, contract, limits, now, memory=known, check=tick)
    staged: Staged | None = None
    try:
        staged = stage_file(path, terms, folder)
        found = verdict_on(staged, contract, path, limits)
        uneven = _cut_otherwise(path, terms, folder, staged)
    except DataError as error:
        found = verdict_on(error, contract, path, limits)
    loads = found.outcome is not Outcome.QUARANTINED
    seen = {} if detected is None else _by_name(detected.columns, contract)
    return Checked(
        name=path.name,
        size=path.stat().st_size,
        detected=detected,
        disagreements=tuple(differs),
        columns=tuple(
            (column, seen[column.name].header) for column in contract.columns if column.name in seen
        ),
        drift=found.drift,
        outcome=found.outcome,
        reason=None if found.reason is None else render(found.reason, feed.language),
        warnings=tuple(render(each, feed.language) for each in found.warnings),
        counts=found.counts,
        accounted=found.accounted,
        uneven=uneven,
        first=() if staged is None else first_rows(path, contract, limits, folder),
        rejects=()
        if staged is None
        else _groups(read_rejects(staged.rejects).rows, feed.language, Mask(contract, False)),
        partitions=staged.partitions if staged is not None and loads else (),
        load_bytes=staged.size if staged is not None and loads else 0,
        quotas=_quotas(staged, contract, capabilities) if staged is not None and loads else (),
        not_judged=_not_judged(path, feed, contract, limits, memory),
    )


def _not_judged(
    path: Path, feed: Feed, contract: Contract, limits: Limits, memory: FeedHistory | None
) -> tuple[str, ...]:
    """What of a run's verdict a check of one file cannot know."""
    told = ["whether the table's quotas have room for it today", "whether its bytes came before"]
    if memory is None:
        told.append("drifts that were accepted, and earlier files: the ledger was not asked")
    if feed.trust is not None:
        told.append("whether its sender is trusted")
    if keys := keys_of(contract, feed.mode):
        names = "; ".join(", ".join(key.columns) for key in keys)
        told.append(f"rows of other files with the same key ({names})")
    if is_correction(path, contract, limits):
        told.append("which rejected rows it corrects: as a correction it is judged by these alone")
    return tuple(told)


def _cut_otherwise(path: Path, terms: Terms, folder: Path, staged: Staged) -> tuple[str, ...]:
    """The rows that a `chunked` transform makes otherwise when it gets the file in other pieces:
    then it does not look at each row by itself, and needs the whole file."""
    feed = terms.feed
    if not feed.chunked or feed.transform is None or not staged.rows:
        return ()
    other = replace(feed, transform=_in_halves(feed.transform))
    again = folder / "again"
    again.mkdir()
    try:
        cut = stage_file(path, replace(terms, feed=other), again)
    except DataError as error:
        return (error.render(feed.language),)
    one, two = (_by_line(each.rows) for each in (staged, cut))
    differ = sorted(line for line in one.keys() | two.keys() if one.get(line) != two.get(line))
    return tuple(
        f"line {line}: {_difference(one.get(line), two.get(line))}" for line in differ[:_EXAMPLES]
    ) + ((f"… and {len(differ) - _EXAMPLES:,} more rows",) if len(differ) > _EXAMPLES else ())


def _in_halves(transform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The transform, called with one half of each frame after the other."""

    def halved(frame: Any) -> Any:
        import pandas as pd

        middle = len(frame) // 2
        if not middle:
            return transform(frame)
        return pd.concat([transform(frame.iloc[:middle]), transform(frame.iloc[middle:])])

    return halved


def _by_line(parts: Sequence[Path]) -> dict[int, dict[str, Any]]:
    import pyarrow.parquet as pq

    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    return {row.pop("_etl_row"): row for row in rows}


def _difference(one: dict[str, Any] | None, two: dict[str, Any] | None) -> str:
    if one is None or two is None:
        return "it is there or not"
    name = next(name for name in one if one[name] != two.get(name))
    return f"{name} is {one[name]} or {two.get(name)}"


def _detected(path: Path, limits: Limits) -> Detected | None:
    """What detection sees; nothing of a file that it cannot look at."""
    try:
        return detect(path, limits)
    except DataError:
        return None


def _by_name(columns: Sequence[FoundColumn], contract: Contract) -> dict[str, FoundColumn]:
    """The file's columns by the contract columns that they bring."""
    cells = {each.header: each for each in columns}
    try:
        names = match_header(list(cells), contract).names
    except DataError:
        return {}
    return {each.name: cells[names[each.name]] for each in contract.columns if each.name in names}


def _groups(rejected: Iterable[RejectedRow], language: str, mask: Mask) -> tuple[RejectGroup, ...]:
    """The rejected rows by rule and column, the most frequent first."""
    counts: dict[tuple[str, str | None, str | None], int] = {}
    examples: dict[tuple[str, str | None, str | None], list[tuple[int, str, str | None, str]]] = {}
    for row in rejected:
        for key in dict.fromkeys((each.rule, each.column, each.header) for each in row.problems):
            counts[key] = counts.get(key, 0) + 1
        for number, each in enumerate(row.problems):
            shown = examples.setdefault((each.rule, each.column, each.header), [])
            if len(shown) < _EXAMPLES:
                public = mask.problems(row)[number].message
                shown.append((each.line, row.render(language)[number], row.member, public))
    ordered = sorted(counts, key=lambda key: -counts[key])
    return tuple(
        RejectGroup(
            *key,
            counts[key],
            tuple((line, message, member) for line, message, member, _ in examples[key]),
            tuple(public for *_, public in examples[key]),
        )
        for key in ordered
    )


def _quotas(staged: Staged, contract: Contract, of: Capabilities) -> tuple[Quota, ...]:
    """What one load job of this file alone would use; files that load together share it."""
    quotas = [
        Quota("load jobs of the table a day", 1 if staged.counts.loaded else 0, of.table_load_jobs),
        Quota("bytes of a load job", staged.size, of.max_job_bytes),
    ]
    if contract.partition is not None:
        touched = len(staged.partitions)
        quotas += [
            Quota("partitions of a job", touched, of.max_partitions),
            Quota("partition changes of the table a day", touched, of.table_partition_changes),
            Quota("partitions of the table", touched, of.table_partitions),
        ]
    return tuple(quotas)
