"""Accounted lines: what became of every record of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

PASSED = ("blank", "repeated_header", "total", "comment", "preamble", "footer")
"""The reasons for which a line is passed over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accounted:
    """How many records a file has, and what became of each of them.

    `lines` always equals `header + rows + passed + unread`. A quoted record over three lines is
    one record; in a workbook it is a row of the sheet, in JSON a value, in Parquet a row; the
    members of an archive add up. `unread` counts the lines of a file given up part way that were
    never read; None says that they cannot be counted. `others` names sheets and members that the
    feed does not read; they are not counted.
    """

    lines: int = 0
    header: int = 0
    rows: int = 0
    blank: int = 0
    repeated_header: int = 0
    total: int = 0
    comment: int = 0
    preamble: int = 0
    footer: int = 0
    unread: int | None = 0
    others: tuple[str, ...] = ()

    @property
    def passed(self) -> int:
        """How many lines were passed over, for whatever reason."""
        return sum(self.reasons().values())

    @property
    def adds_up(self) -> bool:
        """Whether every line is accounted for."""
        return self.lines == self.header + self.rows + self.passed + (self.unread or 0)

    def reasons(self) -> dict[str, int]:
        """How many lines were passed over by reason, those of which there are any."""
        return {name: getattr(self, name) for name in PASSED if getattr(self, name)}

    def __add__(self, other: Accounted) -> Accounted:
        """Both together, as of two parts of one file."""
        counts = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name not in ("unread", "others")
        }
        unknown = self.unread is None or other.unread is None
        return Accounted(
            **counts,
            unread=None if unknown else (self.unread or 0) + (other.unread or 0),
            others=tuple(dict.fromkeys((*self.others, *other.others))),
        )

    def passing(self, **counts: int) -> Accounted:
        """The same with so many more lines passed over, by reason."""
        more: dict[str, Any] = {name: getattr(self, name) + n for name, n in counts.items()}
        return replace(self, **more)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON can say it."""
        return asdict(self) | {"others": list(self.others)}

    @classmethod
    def from_text(cls, text: str | None) -> Accounted | None:
        """What JSON text has said; None for none, and for the text "null"."""
        said = json.loads(text or "null")
        return cls.from_json(said) if said else None

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Accounted:
        """What `to_json` has said; keys that are not known here are left out."""
        known = {each.name for each in fields(cls)}
        kept = {key: value for key, value in said.items() if key in known}
        return cls(**kept | {"others": tuple(kept.get("others") or ())})


NOTHING = Accounted()
"""What is known of a file of which no line was read."""
