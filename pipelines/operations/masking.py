"""Masking: values of columns that are not public, shown as dots to those who may not see them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pipelines.drift.match_columns import match_header
from pipelines.parse.names import folded
from pipelines.rejects.correction import OUR_COLUMNS
from schemas.contract import Contract
from schemas.errors import DataError
from schemas.file import Event, File
from schemas.language import Sentence, is_template, kept, translate
from schemas.receipt import Receipt, RuleSummary
from schemas.reject import Problem, RejectedRow

HIDDEN = "•••"
_ROWS_OWN = ("compound_columns_to_be_unique", "replaced")
"""Rules about a row as a whole that say nothing against its cells standing in their columns."""
_SAFE_STEPS = {"discover": None, "trust": None, "acknowledge": ("told",)}
"""The steps, and which of their outcomes, whose messages quote no cell."""


class _Dots(str):
    """Dots, however a template wants to see its field."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return HIDDEN


@dataclass(frozen=True)
class Mask:
    """What somebody may see of a feed's values. A feed whose contract is not known any more hides
    them all: nobody knows which are public."""

    contract: Contract | None
    sees_all: bool

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The names of columns whose values are not shown."""
        if self.sees_all or self.contract is None:
            return frozenset()
        return frozenset(each.name for each in self.contract.columns if not each.is_public)

    @property
    def hides(self) -> bool:
        """Whether anything is hidden at all."""
        return not self.sees_all and (self.contract is None or bool(self.hidden))

    def hides_column(self, name: str | None) -> bool:
        """Whether the values of a column, or those of a row as a whole (None), are hidden."""
        if not self.hides:
            return False
        return name is None or self.contract is None or name not in self._public

    @cached_property
    def _public(self) -> frozenset[str]:
        if self.contract is None:
            return frozenset()
        return frozenset(each.name for each in self.contract.columns) - self.hidden

    @cached_property
    def _names(self) -> Mapping[str, frozenset[str]]:
        """The columns by all spellings that may be said because the contract says them: several
        where a header's words may mean any of them."""
        if self.contract is None:
            return {}
        dialect = self.contract.dialect
        spelled = [*zip(dialect.header_cells, dialect.columns, strict=False)]
        for each in self.contract.columns:
            spelled += [(name, each.name) for name in (each.name, *each.headers)]
        found: dict[str, set[str]] = defaultdict(set)
        for spelling, name in spelled:
            # A folded spelling has no such sign before it: both never meet.
            found[f"={spelling.strip().casefold()}"].add(name)
            found[folded(spelling)].add(name)
        found.pop("", None)
        return {spelling: frozenset(names) for spelling, names in found.items()}

    def knows(self, text: str | None) -> bool:
        """Whether a text names columns as the contract spells them, or a header may."""
        return bool(self._columns_in(text))

    def _columns_in(self, text: object) -> frozenset[str]:
        """The columns that a text may name, as the contract spells them or a header may; empty if
        it is anything else. What a cell holds stands in quotes."""
        if not isinstance(text, str) or text.startswith('"'):
            return frozenset()
        for parts in ([text], text.split(", ")):
            found = [self._named(each) for each in parts]
            if all(found):
                return frozenset().union(*found)
        return frozenset()

    def _named(self, text: str) -> frozenset[str]:
        exact = self._names.get(f"={text.strip().casefold()}")
        return exact or self._names.get(folded(text), frozenset())

    def _may_be_of_hidden(self, text: Sentence) -> bool:
        """Whether a sentence is about a hidden column, or about one that cannot be told."""
        about = text.values.get("column")
        if about is not None and not self._columns_in(about):
            return True
        return any(self._columns_in(each) & self.hidden for each in text.values.values())

    def sentence(
        self, text: str | None, public: Sequence[str | None] = (), numbers: bool = True
    ) -> str | None:
        """A sentence with dots for whatever in it came out of a file: only our own words, names of
        columns and the texts of `public` are left, and with `numbers` its numbers."""
        if text is None or not self.hides:
            return text
        if (
            not isinstance(text, Sentence)
            or text.template is None
            or not is_template(text.template)
        ):
            return HIDDEN
        numbers = numbers and self.contract is not None and not self._may_be_of_hidden(text)
        values = {name: self._value(value, public, numbers) for name, value in text.values.items()}
        try:
            return translate(text.template, **values)
        except (KeyError, IndexError, ValueError, TypeError, ArithmeticError):
            return HIDDEN

    def _value(self, value: object, public: Sequence[str | None], numbers: bool) -> object:
        if isinstance(value, Sentence):
            return self.sentence(value, public, numbers)
        if isinstance(value, int | float) and numbers:
            return value
        if isinstance(value, str) and (value in public or self.knows(value)):
            return str(value)
        return _Dots(HIDDEN)

    def problem(self, problem: Problem, message: str) -> Problem:
        """A problem as it may be shown; `message` is its sentence with its template, if it has
        one."""
        if not self.hides:
            return replace(problem, message=message)
        if not self.knows(problem.header):
            # What stands in a header that the contract does not know may be anything.
            problem = replace(problem, header=None)
        if self.hides_column(problem.column):
            said = self.sentence(message, (), False)
            value = None if problem.value is None else HIDDEN
            return replace(problem, value=value, message=said or HIDDEN)
        own = (problem.value, f'"{problem.value}"')
        return replace(problem, message=self.sentence(message, own) or HIDDEN)

    def problems(self, row: RejectedRow) -> tuple[Problem, ...]:
        """What is wrong with a row."""
        params: list[Any] = [None] * len(row.problems)
        if row.params is not None:
            params = json.loads(row.params)
        return tuple(
            self.problem(each, kept(each.message, fields))
            for each, fields in zip(row.problems, params, strict=True)
        )

    def cells(
        self, row: RejectedRow, header: Sequence[str], cells: Sequence[str]
    ) -> dict[str, str]:
        """A row's cells by the header's names. Where its cells may stand under other columns than
        their own, all of them are hidden."""
        is_odd = any(each.column is None and each.rule not in _ROWS_OWN for each in row.problems)
        columns = self._columns(tuple(header))
        return {
            name: HIDDEN if self.hides and (is_odd or columns.get(name) is None) else cell
            for name, cell in zip(header, cells, strict=True)
        }

    def _columns(self, header: tuple[str, ...]) -> Mapping[str, str | None]:
        """The public column of each cell of a header; None for every other."""
        if self.contract is None:
            return {}
        own = [name for name in header if name not in OUR_COLUMNS]
        try:
            names = match_header(own, self.contract).names
        except DataError:
            return {}
        found = {cell: name for name, cell in names.items() if name in self._public}
        ours = {name: name for name in OUR_COLUMNS if name in header and name != "_error"}
        return {**found, **ours}

    def file(self, file: File) -> File:
        """A file as it may be shown: its reason, and the partitions if their column is hidden."""
        if not self.hides:
            return file
        partition = self.contract.partition if self.contract is not None else None
        is_hidden = self.hides_column(partition.column if partition is not None else None)
        partitions = (HIDDEN,) if file.partitions and is_hidden else file.partitions
        return replace(file, reason=self.sentence(file.reason), partitions=partitions)

    def event(self, event: Event) -> Event:
        """A step as it may be shown. Only what some steps say is known to quote no cell."""
        if not self.hides or event.message is None:
            return event
        outcomes = _SAFE_STEPS.get(event.step, ())
        is_safe = outcomes is None or event.outcome in outcomes
        return event if is_safe else replace(event, message=HIDDEN)

    def receipt(self, receipt: Receipt, file: File) -> Receipt:
        """A receipt as it may be shown."""
        if not self.hides:
            return receipt
        reason = self.sentence(file.reason)
        return replace(
            receipt,
            reason=None if receipt.reason is None else reason,
            warnings=(reason or HIDDEN,) if receipt.warnings else (),
            rules=tuple(map(self._rule, receipt.rules)),
            drift=tuple(
                replace(each, message=self.sentence(each.message, (each.column,), False) or HIDDEN)
                for each in receipt.drift
            ),
        )

    def _rule(self, rule: RuleSummary) -> RuleSummary:
        hidden = self.hides_column(rule.column)
        is_known = rule.header is None or self.knows(rule.header)
        return replace(
            rule,
            header=rule.header if is_known else None,
            fix=rule.fix if is_known else self.sentence(rule.fix, (), False) or HIDDEN,
            examples=tuple(
                replace(
                    each,
                    header=each.header if is_known else None,
                    value=HIDDEN if hidden and each.value is not None else each.value,
                    message=HIDDEN,
                )
                for each in rule.examples
            ),
        )
