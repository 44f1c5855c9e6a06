"""Drift: what differs between a file's columns and the contract's, and what the policy makes of it.

What differs is found; nothing is guessed into a column. A file is held back, or loaded with what
is known of it, as the contract's policy says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pipelines.cast import Typed
from pipelines.drift import similarity
from pipelines.drift.column_stats import ColumnStats
from pipelines.drift.match_columns import Header, column_name, match_header
from pipelines.parse import Chunk
from pipelines.parse.names import folded
from pipelines.parse.registry import reader_of
from pipelines.rejects.labels import shown
from schemas.contract import Contract, DriftPolicy, Type, can_be_named
from schemas.drift import (
    ContractChange,
    DriftKind,
    Finding,
    Profile,
    Profiles,
    extended,
)
from schemas.errors import DataError
from schemas.language import WITH_HINT, Sentence, joined, translate

_SAMPLE = 1000
_MAX_NEW = 100


class HeldBackError(DataError):
    """The file is held back: its columns are not the contract's.

    `drift` is what could be decided about it: nothing when not one column is known, for then the
    file is another one, or written in another way.
    """

    def __init__(self, findings: Sequence[Finding], contract: Contract, *, is_known: bool) -> None:
        self._findings = tuple(findings)
        self.drift = self._findings if is_known else ()
        self._known = ", ".join(column.name for column in contract.file_columns)
        self._contract = contract.name
        super().__init__(self._sentence("en"), hint=self._columns("en"))

    def render(self, language: str = "en") -> Sentence:
        """What differs, one difference after the other, and the columns that are wanted."""
        sentence, columns = self._sentence(language), self._columns(language)
        return translate(WITH_HINT, language, sentence=sentence, hint=columns)

    def _sentence(self, language: str) -> Sentence:
        told: list[str] = [each.render(language) for each in self._findings if each.held]
        more = len(told) - 20
        return joined("; ", [*told[:20], *([f"… +{more}"] if more > 0 else [])], language)

    def _columns(self, language: str) -> Sentence:
        return translate(
            "the columns of {contract} are {columns}",
            language,
            contract=self._contract,
            columns=self._known,
        )


@dataclass(frozen=True, slots=True)
class FeedHistory:
    """What is known of a feed: the profiles of its earlier files, the findings that a person has
    accepted as they are, and those that were dismissed."""

    profiles: Profiles = field(default_factory=dict)
    accepted: tuple[Finding, ...] = ()
    dismissed: tuple[Finding, ...] = ()

    def is_accepted(self, finding: Finding) -> bool:
        """Whether the very same was accepted; then nothing needs to be said of it any more."""
        return any(
            (each.kind, each.column) == (finding.kind, finding.column)
            and _same_order(each.values, finding.values)
            for each in self.accepted
        )

    def is_other(self, column: str, cell: str) -> bool:
        """Whether a person has said that the header cell is not that column renamed."""
        return any(
            (each.kind, each.column, each.cell) == (DriftKind.RENAMED, column, cell)
            for each in self.dismissed
        )


NOTHING_KNOWN = FeedHistory()
"""The memory of a feed that had no files yet."""


class DriftWatch:
    """One file's columns against the contract, from its header to its last row.

    `contract` is the one to go on with: under the policy `additive` it has the file's new columns.
    """

    def __init__(
        self, names: Sequence[str], first: Chunk | None, contract: Contract, memory: FeedHistory
    ) -> None:
        self._memory, self._asked = memory, contract
        matched = match_header(names, contract)
        renamed = self._renamed(matched, first)
        self._found = [*renamed, *self._missing(matched, renamed), *self._ordered(matched)]
        taken = {finding.cell for finding in renamed}
        unknown = [cell for cell in matched.unknown if cell not in taken]
        self._readings = {cell: similarity.Reading(contract.dialect) for cell in unknown[:_MAX_NEW]}
        self._unknown = unknown
        self.contract, self.header = self._extended(names, matched)
        self._stats = ColumnStats(self.contract)

    def checked(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The chunks, unless the file is held back: then they are read for what its new columns
        hold, and HeldBackError is raised."""
        if not any(finding.held for finding in (*self._found, *self._new())):
            return chunks
        for chunk in chunks:
            self._read(chunk)
        is_known = bool(self.header.names) or any(
            each.kind is DriftKind.RENAMED for each in self._found
        )
        raise HeldBackError((*self._found, *self._new()), self._asked, is_known=is_known)

    def saw(self, chunk: Chunk, typed: Typed) -> None:
        """A chunk as it came and as it was cast."""
        self._read(chunk)
        self._stats.add(chunk, typed, self.header.names)

    def findings(self) -> tuple[Finding, ...]:
        """Everything that differs, once all rows have been seen."""
        before = self._memory.profiles
        later = [
            *self._stats.types(), *self._stats.scales(before), *self._stats.paddings(before)
        ]  # fmt: skip
        return (*self._found, *self._new(), *later)

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """What the columns looked like, once all rows have been seen."""
        return self._stats.profiles()

    def compared(self) -> dict[str, Profile]:
        """The profiles of the columns, without the shapes of their cells."""
        return self._stats.compared()

    @property
    def follows_contract(self) -> bool:
        """Whether the header names each of the contract's columns and no other."""
        return not (self.header.missing or self._unknown or self.header.correction)

    def to_json(self) -> dict[str, Any]:
        """What the rows were like, as JSON can say it, for the watch of the whole file."""
        return self._stats.to_json()

    def merge(self, facts: Mapping[str, Any]) -> None:
        """Take over what was seen of the file's next part."""
        self._stats.merge(facts)

    def _read(self, chunk: Chunk) -> None:
        for cell, reading in self._readings.items():
            reading.add(chunk.cells.column(cell).combine_chunks())

    def _renamed(self, matched: Header, first: Chunk | None) -> list[Finding]:
        """Missing columns that an unknown cell seems to bring, the likeliest pairs first."""
        if first is None or not matched.missing or len(matched.unknown) > _MAX_NEW:
            return []
        cells = {
            cell: first.cells.column(cell).slice(0, _SAMPLE).combine_chunks()
            for cell in matched.unknown
        }
        pairs = []
        for column in matched.missing:
            earlier = self._memory.profiles.get(column.name, ())
            before = [each for each in earlier if each.shapes]
            for cell, sample in cells.items():
                if not cell.strip() or self._memory.is_other(column.name, cell):
                    continue
                score = similarity.likely_rename(cell, sample, column, self._asked.dialect, before)
                if score is not None:
                    pairs.append((score, column, cell))
        found: dict[str, Finding] = {}
        for score, column, cell in sorted(pairs, key=lambda each: -each[0]):
            if column.name in found or any(each.cell == cell for each in found.values()):
                continue
            found[column.name] = Finding(
                kind=DriftKind.RENAMED,
                column=column.name,
                cell=cell,
                template='the column "{cell}" looks like {column} under another name',
                values={"cell": shown(cell), "column": column.name, "likeness": round(score, 2)},
                change=ContractChange(column=column.name, headers=(cell,)),
                held=column.required or self._asked.drift is not DriftPolicy.IGNORE,
            )
        return list(found.values())

    def _missing(self, matched: Header, renamed: Sequence[Finding]) -> list[Finding]:
        strict = self._asked.drift is DriftPolicy.STRICT
        # A key without a value is commonly left out of JSON.
        loose = reader_of(self._asked.dialect.format).traits.is_sparse
        keys = set(self._asked.primary_key)
        found = [
            Finding(
                kind=DriftKind.MISSING,
                column=column.name,
                template="the column {column} is missing",
                values={"column": column.name},
                change=None
                if column.name in keys or not column.required
                else ContractChange(column=column.name, required=False),
                held=column.required or strict,
            )
            for column in matched.missing
            if column.name not in {each.column for each in renamed}
            and (column.required or not loose)
        ]
        # An optional column that may be missing is not the contract's to say, so the ledger does.
        return [each for each in found if each.change or not self._memory.is_accepted(each)]

    def _ordered(self, matched: Header) -> list[Finding]:
        agreed = [each.name for each in self._asked.file_columns if each.name in matched.names]
        is_ordered = reader_of(self._asked.dialect.format).traits.is_ordered
        if agreed == list(matched.names) or not is_ordered:
            return []
        found = Finding(
            kind=DriftKind.ORDER,
            column="",
            template="the columns come in another order than the contract's;"
            " they are found by their names",
            values={"order": list(matched.names)},
        )
        return [] if self._memory.is_accepted(found) else [found]

    def _new(self) -> list[Finding]:
        """The unknown cells, each with the type that its values have so far."""
        strict = self._asked.drift is DriftPolicy.STRICT
        additive = self._asked.drift is DriftPolicy.ADDITIVE
        findings = []
        for cell, reading in self._readings.items():
            name = column_name(cell)
            addable = self._can_add(name)
            found = Type.STRING if additive else reading.type
            findings.append(
                Finding(
                    kind=DriftKind.NEW,
                    column=name,
                    cell=cell,
                    template='the contract does not know the column "{cell}"'
                    if cell.strip()
                    else "the contract does not know a column without a name",
                    values={"cell": shown(cell), "type": str(found)},
                    change=_addition(name, cell, found) if addable else None,
                    held=strict or (additive and not addable),
                )
            )
        if len(self._unknown) > _MAX_NEW:
            findings.append(
                Finding(
                    kind=DriftKind.NEW,
                    column="",
                    template="the contract does not know {count:,} columns of the file",
                    values={"count": len(self._unknown)},
                    held=self._asked.drift is not DriftPolicy.IGNORE,
                )
            )
        return findings

    def _can_add(self, name: str) -> bool:
        taken = {column.name.casefold() for column in self._asked.columns}
        names = [column_name(cell) for cell in self._readings]
        return can_be_named(name) and name not in taken and names.count(name) == 1

    def _extended(self, names: Sequence[str], matched: Header) -> tuple[Contract, Header]:
        """Contract and header with the new columns, where the policy adds them."""
        if self._asked.drift is not DriftPolicy.ADDITIVE:
            return self._asked, matched
        new = {column_name(cell): cell for cell in self._readings}
        new = {name: cell for name, cell in new.items() if self._can_add(name)}
        contract = extended(self._asked, new)
        return contract, replace(matched, names=matched.names | new, unknown=())


def _same_order(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the columns that both name come in the same order."""
    first, second = one.get("order", ()), other.get("order", ())
    return [each for each in first if each in second] == [each for each in second if each in first]


def _addition(name: str, cell: str, found: Type) -> ContractChange:
    headers = (cell,) if folded(cell) != folded(name) else ()
    return ContractChange(column=name, type=found, headers=headers)
