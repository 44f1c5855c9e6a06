"""Measurements: one run of one contender on one shape, and what several runs come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """Seconds of wall clock until the rows are committed, CPU seconds of the contender, of the
    BigQuery emulator and of the other servers (the bucket's and the broker's), peak bytes of the
    contender's largest process, load jobs, and the batches that these were for (if the contender
    knows batches).

    `phases` are seconds of parts of the wall clock, for contenders that know them.
    """

    wall: float
    cpu: float
    server_cpu: float
    peak_rss: int
    peak_pss: int
    load_jobs: int
    batches: int = 0
    others_cpu: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The medians of several runs, and how far their wall clocks lie apart."""

    runs: int
    wall: float
    wall_low: float
    wall_high: float
    cpu: float
    server_cpu: float
    peak_rss: int
    peak_pss: int
    load_jobs: int
    batches: int = 0
    others_cpu: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Sequence[Measurement]) -> Self:
        """The summary of at least one run."""
        walls = [each.wall for each in measured]
        names = dict.fromkeys(name for each in measured for name in each.phases)
        return cls(
            runs=len(measured),
            wall=median(walls),
            wall_low=min(walls),
            wall_high=max(walls),
            cpu=median(each.cpu for each in measured),
            server_cpu=median(each.server_cpu for each in measured),
            peak_rss=int(median(each.peak_rss for each in measured)),
            peak_pss=int(median(each.peak_pss for each in measured)),
            load_jobs=int(median(each.load_jobs for each in measured)),
            batches=int(median(each.batches for each in measured)),
            others_cpu=median(each.others_cpu for each in measured),
            phases={
                name: median(each.phases[name] for each in measured if name in each.phases)
                for name in names
            },
        )

    @property
    def noise(self) -> float:
        """Half the distance of the quickest run from the slowest, as a share of the median."""
        return (self.wall_high - self.wall_low) / 2 / self.wall if self.wall else 0.0
