"""Drift: files whose columns are no longer the contract's, and the change that would settle it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.contract import Column, Contract, Type
from schemas.language import Sentence, translate


class DriftKind(StrEnum):
    """In what way a file's columns differ from the contract's."""

    NEW = "new column"
    MISSING = "missing column"
    ORDER = "changed order"
    RENAMED = "renamed column"
    TYPE = "changed type"
    SCALE = "changed scale"


class DriftStatus(StrEnum):
    """What a person has decided about a drift."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractChange:
    """What a contract should say of one column: None or nothing leaves what it says now.

    A column that the contract does not have yet is added. `headers` and `formats` are added to
    those it has.
    """

    column: str
    type: Type | None = None
    required: bool | None = None
    headers: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One difference between one file and its contract.

    `column` is the contract's name of the column, or the one a new column would get; empty for the
    header as a whole. `cell` is the header cell of a new or renamed column. The sentence for a
    person is a template and its values. With `held`, the file or rows of it were not loaded.
    """

    kind: DriftKind
    column: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    cell: str = ""
    change: ContractChange | None = None
    held: bool = False

    def render(self, language: str = "en") -> Sentence:
        """What was found, in a sender's language."""
        return translate(self.template, language, **self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One difference between a feed's files and its contract, kept until a person decides.

    However many files of however many senders show it, it is one drift of its feed. `files` and
    `senders` count them, `held` are the files that wait for the decision; `finding` is the latest.
    """

    drift_id: str
    feed: str
    finding: Finding
    status: DriftStatus
    first_seen: datetime
    last_seen: datetime
    files: int = 0
    senders: int = 0
    held: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A drift as one file showed it, for the answer to its sender."""

    drift_id: str
    finding: Finding
    status: DriftStatus


_WIDER = {
    frozenset({Type.INT64, Type.NUMERIC}): Type.NUMERIC,
    frozenset({Type.INT64, Type.FLOAT64}): Type.FLOAT64,
    frozenset({Type.NUMERIC, Type.FLOAT64}): Type.FLOAT64,
}


def joined_change(changes: Sequence[ContractChange]) -> ContractChange:
    """The one change of a column that suits what asks for any of these: the type that takes the
    values of all, every header and every format."""
    made = changes[0]
    for each in changes[1:]:
        types = {made.type, each.type} - {None}
        wider = _WIDER.get(frozenset(filter(None, types)), Type.STRING)
        made = ContractChange(
            column=made.column,
            type=(made.type or each.type) if len(types) < 2 else wider,
            required=False if False in (made.required, each.required) else made.required,
            headers=tuple(dict.fromkeys((*made.headers, *each.headers))),
            formats=tuple(dict.fromkeys((*made.formats, *each.formats))),
        )
    return made


def lets_in(status: DriftStatus, finding: Finding) -> bool:
    """Whether files that such a drift has held back are looked at again, as it was decided: once it
    is accepted, and where it was a rename that is none."""
    renamed = finding.kind is DriftKind.RENAMED
    return status is DriftStatus.ACCEPTED or (status is DriftStatus.DISMISSED and renamed)


KEPT_PROFILES = 30
"""Of so many latest files of a feed it is kept what their columns look like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What one column of one file looked like.

    Quartiles of its numbers (None for text) and the share of each shape of its cells, letters
    written `a` and digits `9`. `width` is how many digits each of its codes has, if all have as
    many and some begin with zero, and 0 if not; None where that was not looked at. Of a key the
    width alone is known.
    """

    count: int
    low: float | None = None
    median: float | None = None
    high: float | None = None
    shapes: Mapping[str, float] = field(default_factory=dict)
    width: int | None = None


type Profiles = Mapping[str, Sequence[Profile]]
"""The profiles of a feed's earlier files, by column."""


def drift_id_of(feed: str, finding: Finding) -> str:
    """The drift's id: 8 hex digits that depend on feed, kind and column only."""
    cell = finding.cell if finding.kind is DriftKind.RENAMED else ""
    named = "\x00".join((feed, finding.kind, finding.column, cell))
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def extended(contract: Contract, names: Iterable[str]) -> Contract:
    """The contract with further nullable STRING columns, which its version then names.

    Names that the contract has already are passed over.
    """
    known = {column.name.casefold() for column in contract.columns}
    added = sorted(name for name in set(names) if name.casefold() not in known)
    if not added:
        return contract
    columns = tuple(
        Column(name=name, type=Type.STRING, description="Came with a file; not in the contract.")
        for name in added
    )
    version = "+".join((contract.version, *added))
    return replace(contract, columns=contract.columns + columns, version=version)


def added_by(version: str | None) -> tuple[str, ...]:
    """The columns that an extended contract's version names."""
    return tuple((version or "").split("+")[1:])


def base_of(version: str | None) -> str:
    """The version of the contract that was extended, if it was."""
    return (version or "").partition("+")[0]
