"""Time zones beyond 2037, where Arrow knows no changes of clocks: the standard library does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1)
_MICRO = timedelta(microseconds=1)
UNSURE = (datetime(2037, 1, 1) - _EPOCH) // _MICRO
"""The moment, in microseconds since 1970, from which on Arrow's time zones are not relied on."""
_LAST = (datetime(9999, 12, 30) - _EPOCH) // _MICRO


def local_of(micros: int, zone: str) -> int:
    """A moment in UTC by the clock of a zone."""
    if micros > _LAST:
        return micros
    moment = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=UTC)
    return (moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - _EPOCH) // _MICRO


def utc_of(micros: int, zone: str) -> tuple[int, int]:
    """A local moment in UTC, and how many moments it may mean: one, two, or none."""
    if micros > _LAST:
        return micros, 1
    local = _EPOCH + timedelta(microseconds=micros)
    found = set()
    for fold in (0, 1):
        moment = local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local:
            found.add((moment.replace(tzinfo=None) - _EPOCH) // _MICRO)
    return (min(found) if found else micros), len(found)
