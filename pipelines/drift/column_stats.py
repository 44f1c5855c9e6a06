"""Column statistics: what the values of a file's columns are like, counted as its rows go by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pipelines.cast import Typed
from pipelines.drift import profile, similarity
from pipelines.parse import Chunk
from schemas.contract import Column, Contract, Type
from schemas.drift import ContractChange, DriftKind, Finding, Profile, Profiles

_MAX_BAD, _FEW_BAD = 200, 3


class ColumnStats:
    """Counts the cells that do not fit their columns, and samples those that do."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        keys = set(contract.primary_key)
        # The numbers of a key grow; its texts may be codes that lose their zeros.
        self._watched = {
            column.name: profile.Watch(column, is_key=column.name in keys)
            for column in contract.file_columns
            if column.name not in keys or column.type is Type.STRING
        }
        self._full: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._cells: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, chunk: Chunk, typed: Typed, names: dict[str, str]) -> None:
        """A chunk as it came and as it was cast; `names` is `{column name: header cell}`."""
        for blame in typed.violations:
            if blame.rule == "type" and blame.column is not None:
                self._bad[blame.column] += len(blame.at)
                wanted = _MAX_BAD - len(self._cells[blame.column])
                values = (blame.values[index] for index in blame.which)
                self._cells[blame.column] += islice(filter(None, values), wanted)
        for name, cell in names.items():
            values = typed.rows.column(name)
            self._full[name] += len(values) - values.null_count
            if name in self._watched:
                self._watched[name].add(values, chunk.cells.column(cell))

    def types(self) -> list[Finding]:
        """The columns of which at least half of the values do not read as their type."""
        findings = []
        for name, bad in self._bad.items():
            count = self._full[name] + bad
            if bad < _FEW_BAD or bad * 2 < count:
                continue
            column = self._contract.column(name)
            other = similarity.other_reading(self._cells[name], column, self._contract.dialect)
            findings.append(_type_finding(column, other, bad, count))
        return findings

    def scales(self, before: Profiles) -> list[Finding]:
        """The columns whose numbers have moved against those of earlier files."""
        findings = []
        for name, watch in self._watched.items():
            # Quartiles are worth their time only where there is something to hold against them.
            if not profile.comparable(before.get(name, ())):
                continue
            current = watch.compared()
            factor = profile.changed_scale(current, before[name])
            if factor is None:
                continue
            findings.append(
                Finding(
                    kind=DriftKind.SCALE,
                    column=name,
                    template="the values of {column} are about {factor} times those of earlier"
                    " files; has the unit changed?",
                    values={
                        "column": name,
                        "factor": f"{factor:,.3g}",
                        "median": current.median,
                    },
                )
            )
        return findings

    def paddings(self, before: Profiles) -> list[Finding]:
        """The columns whose codes have lost their leading zeros against those of earlier files."""
        found = {
            name: watch.lost_width(before.get(name, ())) for name, watch in self._watched.items()
        }
        return [
            Finding(
                kind=DriftKind.SCALE,
                column=name,
                template="the values of {column} have lost their leading zeros: in earlier files"
                " each had {width} digits",
                values={"column": name, "width": width},
            )
            for name, width in found.items()
            if width is not None
        ]

    def profiles(self) -> dict[str, Profile]:
        """What the columns look like that have values."""
        made = {name: watch.profile() for name, watch in self._watched.items()}
        return {name: profile for name, profile in made.items() if profile.count}

    def compared(self) -> dict[str, Profile]:
        """What of the columns later files are compared with: not the shapes of their cells."""
        return {name: watch.compared() for name, watch in self._watched.items()}

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON can say it, for `absorb`."""
        return {
            "full": dict(self._full),
            "bad": dict(self._bad),
            "cells": dict(self._cells),
            "watched": {name: watch.to_json() for name, watch in self._watched.items()},
        }

    def merge(self, facts: Mapping[str, Any]) -> None:
        """Add what was counted in the file's next part."""
        self._full.update(facts["full"])
        self._bad.update(facts["bad"])
        for name, cells in facts["cells"].items():
            self._cells[name] = [*self._cells[name], *cells][:_MAX_BAD]
        for name, seen in facts["watched"].items():
            self._watched[name].merge(seen)


def _type_finding(column: Column, other: Column | None, bad: int, count: int) -> Finding:
    values = {"bad": bad, "count": count, "column": column.name, "type": str(column.type)}
    if other is None:
        return Finding(
            kind=DriftKind.TYPE,
            column=column.name,
            template="{bad:,} of {count:,} values of {column} do not read as {type}",
            values=values,
            held=True,
        )
    added = tuple(each for each in other.formats if each not in column.formats)
    if added:
        change = ContractChange(column=column.name, formats=added)
    else:
        change = ContractChange(column=column.name, type=other.type)
    return Finding(
        kind=DriftKind.TYPE,
        column=column.name,
        template="{bad:,} of {count:,} values of {column} do not read as {type}"
        " but all as {reading}",
        values=values | {"reading": added[-1] if added else str(other.type)},
        change=change,
        held=True,
    )
