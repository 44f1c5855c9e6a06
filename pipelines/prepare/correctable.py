"""Correctable: whether rejected rows of a file can be corrected one by one, as it is now."""

from __future__ import annotations

from pipelines.runtime import Runtime
from schemas.errors import BusyError, DataError
from schemas.file import File, Outcome, Status

_ON_ITS_WAY = frozenset(
    {Status.DISCOVERED, Status.PREPARING, Status.PREPARED, Status.LOADING, Status.UNLOADING}
)
_WHOLE_HINT = "send that file again, whole, with its rows corrected"


def refuse_correction(runtime: Runtime, target: File, file: File) -> None:
    """Raise DataError for a file whose rejected rows another cannot correct, and BusyError for one
    that is on its way: what of it is rejected is not known yet."""
    refuse_on_its_way(target)
    if target.item.key == file.item.key:
        raise DataError(
            "it lies where {name} lay, whose rejected rows it corrects: as its new version it would"
            " take all other rows away",
            hint="save it under another name, and send the file itself again",
            name=target.item.name,
        )
    refuse_whole(runtime, target)


def refuse_on_its_way(target: File) -> None:
    """Raise BusyError for a file of which it is not known yet what of it is rejected."""
    if target.status in _ON_ITS_WAY:
        raise BusyError(f"{target.item.name}, which it corrects, is on its way")


def refuse_whole(runtime: Runtime, target: File) -> None:
    """Raise DataError for a file that can only be corrected as a whole, or that has no rejected
    rows."""
    feed = runtime.feeds[target.feed]
    name = target.item.name
    if feed.makes_rows:
        raise DataError(
            "the rows of {name} are computed from all of its lines", hint=_WHOLE_HINT, name=name
        )
    if target.outcome is Outcome.QUARANTINED or not target.in_force:
        why = (
            "{name} itself is not loaded"
            if target.superseded_by is None
            else "{name} has been replaced by a newer version, which stands by itself"
        )
        raise DataError(why, hint=_WHOLE_HINT, name=name)
    if target.rejects_key is None or not runtime.storage.exists(target.rejects_key):
        why = (
            "the rejected rows of {name} are not kept any more"
            if target.counts.rejected
            else "no row of {name} was rejected"
        )
        raise DataError(why, hint=_WHOLE_HINT, name=name)
