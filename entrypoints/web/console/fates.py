"""Fates: what became of a file, in a few words to a person."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.web.console.language import said, say, say_count
from schemas.file import File, Outcome, Status
from schemas.file_query import FileState, state_of


@dataclass(frozen=True, slots=True)
class Fate:
    """A state as text, sign and the class of its colour, and a sentence beneath, if there is more
    to say."""

    kind: str
    sign: str
    says: str
    more: str = ""


def fate_of(file: File) -> Fate:
    """The fate of a file, whose reason is shown as it is: mask it before."""
    match state_of(file):
        case FileState.PARTLY:
            return _partly(file)
        case FileState.LOADED if file.outcome is Outcome.PARTLY:
            return _corrected(file)
        case FileState.LOADED if file.outcome in (Outcome.REPEATED, Outcome.UNCHANGED):
            return Fate("good", "✓", say("received before"), say("There is nothing to do."))
        case FileState.LOADED:
            return Fate("good", "✓", say("loaded"))
        case FileState.NOT_LOADED:
            return _not_loaded(file)
        case FileState.ON_ITS_WAY:
            return _on_its_way(file)


def _partly(file: File) -> Fate:
    counts, fixed = file.counts, file.rows_corrected
    loaded = say("{loaded:,} of {read:,} rows", loaded=counts.loaded + fixed, read=counts.read)
    if not counts.rejected:
        return Fate("part", "◐", loaded, said(file.reason))
    left = counts.rejected - fixed
    need = say_count(left, "1 row needs you", "{count:,} rows need you")
    return Fate("part", "◐", loaded, need)


def _corrected(file: File) -> Fate:
    counts, fixed = file.counts, file.rows_corrected
    loaded = say("{loaded:,} of {read:,} rows", loaded=counts.loaded + fixed, read=counts.read)
    return Fate("good", "✓", loaded, say_count(fixed, "1 was fixed", "{count:,} were fixed"))


def _not_loaded(file: File) -> Fate:
    if file.status is Status.UNLOADED:
        return Fate("not", "✕", say("taken out"), say("Its rows are not in the table any more."))
    if file.outcome is Outcome.SUPERSEDED:
        return Fate("not", "✕", say("not loaded"), say("A newer version took its place."))
    return Fate("not", "✕", say("not loaded"), said(file.reason))


def _on_its_way(file: File) -> Fate:
    words = {
        Status.DISCOVERED: say("waits to be checked"),
        Status.PREPARING: say("is being checked"),
        Status.PREPARED: say("checked, waits to be loaded"),
        Status.LOADING: say("is being loaded"),
        Status.UNLOADING: say("is being taken out"),
    }
    if file.status is Status.HELD:
        return Fate("part", "‖", say("waits for somebody to let it in"), said(file.reason))
    return Fate("way", "→", words[file.status])
