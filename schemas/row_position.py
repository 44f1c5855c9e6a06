"""A place: where a row stands, as one number that the warehouse can keep in `_etl_row`."""

from __future__ import annotations

from dataclasses import dataclass

MEMBER = 1_000_000_000_000
"""Rows of the n-th member of an archive (from 1) are numbered n × MEMBER + line; rows of a file
that is no archive, or of an archive's only member, by their line alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line (from 1) of a file, or of one member of an archive (from 1; 0 for no archive)."""

    line: int
    member: int = 0

    @property
    def row(self) -> int:
        """The number that `_etl_row` holds."""
        return self.member * MEMBER + self.line

    @classmethod
    def of(cls, row: int) -> Place:
        """The place that an `_etl_row` names."""
        member, line = divmod(row, MEMBER)
        return cls(line, member)
