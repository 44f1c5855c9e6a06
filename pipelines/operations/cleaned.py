"""What a step of cleaning has removed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaned:
    """How many of one kind went (or would go), and whether there is more to be done at once."""

    kind: str
    count: int
    more: bool = False
