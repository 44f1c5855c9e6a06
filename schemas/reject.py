"""Rejected rows: what is wrong with them, cell by cell."""

from __future__ import annotations

import json
from dataclasses import dataclass

from schemas.language import kept, render


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One reason why a row was rejected.

    `line` is the line of the original file on which the row starts (1 is the first line of the
    file). `column` is the contract's, and None when the row as a whole is wrong; `header` is what
    the file's own header calls it, if that is something else. `rule` is a short machine word
    (`type`, `required`, `minimum`, an expectation's type); `message` is for a person, in English.
    """

    line: int
    column: str | None
    value: str | None
    rule: str
    message: str
    header: str | None = None

    @property
    def label(self) -> str | None:
        """What its sender calls the column."""
        return self.header or self.column


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedRow:
    """A row that was not loaded: its line, its raw text as it stood in the file, and why.

    `member` is the archive's member that the line is counted in. `params` are the templates of the
    messages and their values, as the JSON of a list; None where only sentences were kept.
    """

    line: int
    raw: str
    problems: tuple[Problem, ...]
    member: str | None = None
    params: str | None = None

    def render(self, language: str) -> tuple[str, ...]:
        """What is wrong with the row in a language, problem by problem."""
        messages = tuple(each.message for each in self.problems)
        if self.params is None or language == "en":
            return tuple(render(each, language) for each in messages)
        params = json.loads(self.params)
        return tuple(
            render(kept(each, fields), language)
            for each, fields in zip(messages, params, strict=True)
        )
