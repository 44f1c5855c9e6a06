"""Rejected rows: what is wrong with them, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One reason why a row was rejected.

    `line` is the line of the original file on which the row starts (1 is the first line of the
    file). `column` is None when the row as a whole is wrong. `rule` is a short machine word
    (`type`, `required`, `minimum`, an expectation's type); `message` is for a person.
    """

    line: int
    column: str | None
    value: str | None
    rule: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedRow:
    """A row that was not loaded: its line, its raw text as it stood in the file, and why.

    `member` is the archive's member that the line is counted in.
    """

    line: int
    raw: str
    problems: tuple[Problem, ...]
    member: str | None = None
