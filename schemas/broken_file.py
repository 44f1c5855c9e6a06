"""Broken files: contracts and feeds that cannot be read as they are now."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import WaybillError


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file of a contract or a feed, by its name, and what is wrong with it."""

    name: str
    error: WaybillError
