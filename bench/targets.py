"""Targets: what the figures must be, as ratios within one run, and whether they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.measurement import Summary

type Table = Mapping[str, Mapping[str, Summary]]
"""Summaries by shape and contender."""

OURS, OURS_ONE = "waybill", "waybill, 1 worker"
_MB = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A target, what was measured, and whether that meets it; None if it was not measured."""

    target: str
    measured: str
    met: bool | None


def at_most(target: str, value: float | None, limit: float, unit: str = "×") -> Verdict:
    """Met by a value up to the limit."""
    return _verdict(target, value, unit, value is not None and value <= limit)


def at_least(target: str, value: float | None, limit: float, unit: str = "×") -> Verdict:
    """Met by a value from the limit on."""
    return _verdict(target, value, unit, value is not None and value >= limit)


def _verdict(target: str, value: float | None, unit: str, met: bool) -> Verdict:
    if value is None:
        return Verdict(target=target, measured="not measured", met=None)
    return Verdict(target=target, measured=f"{value:.3g} {unit}".strip(), met=met)


def ratio(over: float | None, under: float | None) -> float | None:
    """One figure in another; None without either."""
    return over / under if over is not None and under else None


def verdicts(table: Table, start_up: Mapping[str, float], growing: int | None) -> list[Verdict]:
    """Every target of the benchmark. `start_up` are seconds, `growing` how many of the ledger's
    questions history makes dearer."""
    return [
        *_against_others(table),
        *_memory(table),
        *_small_files(table),
        at_most("`waybill --help`: under 0.3 s", start_up.get("help"), 0.3, "s"),
        at_most("a worker is ready within 5 s", start_up.get("worker"), 5.0, "s"),
        at_most(
            "a drop on an idle service: its receipt within 2 s (p95 of 100)",
            start_up.get("drop_p95"),
            2.0,
            "s",
        ),
        at_most(
            "questions to the ledger that grow with history: none",
            None if growing is None else float(growing),
            0,
            "",
        ),
    ]


def _wall(table: Table, shape: str, contender: str) -> float | None:
    return _figure(table, shape, contender, lambda found: found.wall)


def _figure(
    table: Table, shape: str, contender: str, figure: Callable[[Summary], float]
) -> float | None:
    found = table.get(shape, {}).get(contender)
    return figure(found) if found is not None else None


def _against_others(table: Table) -> Iterator[Verdict]:
    ours = _wall(table, "tall", OURS)
    yield at_most("1M × 10: at most the script's time", ratio(ours, _wall(table, "tall", "script")),
                  1.0)  # fmt: skip
    yield at_most("1M × 10: at most 2.2 × the floor", ratio(ours, _wall(table, "tall", "floor")),
                  2.2)  # fmt: skip
    dlt_huge = [
        wall
        for name in table.get("huge", {})
        if name.startswith("dlt") and (wall := _wall(table, "huge", name)) is not None
    ]
    yield at_most(
        "10M × 10: at most 1.2 × dlt's fastest",
        ratio(_wall(table, "huge", OURS), min(dlt_huge, default=None)),
        1.2,
    )
    yield at_least(
        "1M × 10: at least 10 × faster than dlt's default",
        ratio(_wall(table, "tall", "dlt, default"), ours),
        10.0,
    )
    yield at_most(
        "1% bad cells: at most 1.5 × the clean time", ratio(_wall(table, "dirty", OURS), ours), 1.5
    )


def _memory(table: Table) -> Iterator[Verdict]:
    def peak(shape: str) -> float | None:
        return _figure(table, shape, OURS, lambda found: found.peak_rss)

    yield at_most(
        "memory of 1 GB: at most 1.3 × that of 100 MB", ratio(peak("huge"), peak("tall")), 1.3
    )
    largest = max((each.peak_rss for shape in table.values() for name, each in shape.items()
                   if name.startswith(OURS)), default=None)  # fmt: skip
    yield at_most("memory: under 700 MB in any process", ratio(largest, _MB), 700, "MB")


def _small_files(table: Table) -> Iterator[Verdict]:
    yield at_least(
        "5,000 files × 20: at least 90 a second, to the last receipt",
        ratio(5000, _answered(table, "many")),
        90,
        "a second",
    )
    yield at_most(
        "5,000 files × 20: at most 12 ms of our CPU each",
        ratio(_figure(table, "many", OURS, lambda found: found.cpu * 1000), 5000),
        12,
        "ms",
    )
    yield at_most(
        "1,000 files × 100: at most 4 × the script's time to committed rows",
        ratio(_wall(table, "thousand", OURS), _wall(table, "thousand", "script")),
        4.0,
    )
    # Up to the last answer: of 5,000 files most are answered before the last is committed.
    costs = [
        ratio(_figure(table, shape, OURS, lambda found: found.cpu), files)
        for shape, files in (("hundred", 100), ("thousand", 1000), ("crowd", 20_000))
    ]
    yield at_most(
        "small files: CPU of a file flat from 100 to 1,000 to 20,000 (rises at most 1.2 ×)",
        max(
            (
                more / fewer
                for fewer, more in itertools.combinations(costs, 2)
                if fewer is not None and more is not None
            ),
            default=None,
        ),
        1.2,
    )
    yield at_most(
        "small files: one load job per batch",
        _figure(table, "many", OURS, lambda found: found.load_jobs / max(found.batches, 1)),
        1,
        "a batch",
    )


def _answered(table: Table, shape: str) -> float | None:
    """Seconds to the last receipt."""
    return _figure(table, shape, OURS, lambda found: found.phases.get("acknowledged", found.wall))
