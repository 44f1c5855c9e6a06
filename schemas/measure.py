"""Measures: what a monitoring system wants to know of the files on their way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FilesOnTheWay:
    """How many files of a feed are in a status now, and when the oldest of them was discovered
    (UTC)."""

    feed: str
    status: str
    files: int
    oldest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTime:
    """How often a step has ended in a certain way of late, and how many seconds all took."""

    step: str
    outcome: str
    count: int
    seconds: float
