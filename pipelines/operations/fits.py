"""Fits: under which feeds a file could come, by its header and the form it is written in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipelines.detect import Detected, detect, disagreements
from pipelines.drift.match_columns import match_header
from pipelines.runtime import Runtime
from schemas.contract import Contract
from schemas.errors import DataError

_OTHER_FORM, _LACKING, _NO_HEADER = 0.9, 0.5, 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How well a file fits a feed's contract: `sure` from 0 to 1, by how many of all columns are
    both in the file and in the contract, less where its form differs or a required one is missing.
    """

    feed: str
    contract: str
    sure: float
    columns: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    differs: tuple[str, ...]


def fits(runtime: Runtime, path: Path, feeds: Collection[str]) -> list[Fit]:
    """How well a file fits each of those feeds, the best first. Raises DataError for one that
    nothing can be told of."""
    detected = detect(path, runtime.limits)
    found = [
        _fit(detected, feed, runtime.contract_of(runtime.feeds[feed])) for feed in sorted(feeds)
    ]
    return sorted(found, key=lambda each: (-each.sure, each.feed))


def _fit(detected: Detected, feed: str, contract: Contract) -> Fit:
    wanted = contract.file_columns
    names, missing, unknown = 0, tuple(wanted), tuple(detected.header)
    try:
        header = match_header(list(detected.header), contract)
        names, missing, unknown = len(header.names), header.missing, header.unknown
    except DataError:
        # A header that names a column twice fits nothing.
        pass
    differs = tuple(each.what for each in disagreements(detected, contract))
    sure = names / (len(wanted) + len(unknown)) if wanted else 0.0
    if not detected.header and len(detected.columns) == len(wanted):
        sure = _NO_HEADER
    sure *= _OTHER_FORM ** len(differs)
    if any(each.required for each in missing) and detected.header:
        sure *= _LACKING
    return Fit(
        feed=feed,
        contract=contract.name,
        sure=round(sure, 3),
        columns=names,
        missing=tuple(each.name for each in missing),
        unknown=unknown,
        differs=differs,
    )
