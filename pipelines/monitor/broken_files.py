"""Broken files: what is told of contracts and feeds that cannot be read while the service runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.alert import AlertKind, Trouble
from schemas.broken_file import BrokenFile
from schemas.language import translate

_BROKEN = "the file {name} cannot be used, and what it said before stays: {error}"
_CORRECT = "correct that line of {name}; it is read again by itself"
_CORRECT_SO = "correct {name}: {hint}; it is read again by itself"


def broken(found: Iterable[BrokenFile]) -> Iterator[Trouble]:
    """Files of contracts and feeds that cannot be read."""
    for each in found:
        hint = each.error.hint
        yield Trouble(
            kind=AlertKind.FILE,
            subject=each.name,
            says=translate(_BROKEN, name=each.name, error=each.error.message),
            todo=translate(_CORRECT_SO, name=each.name, hint=hint)
            if hint
            else translate(_CORRECT, name=each.name),
        )
