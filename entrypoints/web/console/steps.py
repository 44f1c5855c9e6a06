"""Steps: a file's timeline in words to a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from entrypoints.web.console.event_words import note_of
from entrypoints.web.console.language import say
from schemas.file import Event


@dataclass(frozen=True, slots=True)
class Step:
    """What happened, when, and what was said about it."""

    at: datetime
    what: str
    more: str


def steps_of(events: Sequence[Event]) -> list[Step]:
    """The steps of a timeline, in its order."""
    return [Step(each.at, _what(each), note_of(each.message)) for each in events]


def _what(event: Event) -> str:
    if event.step == "load" and event.rows == 0:
        # A file that is refused ends with the batch of its feed, too.
        return say("Its batch ended. No row of it was loaded.")
    words = {
        "discover": say("It was found."),
        "prepare": say("It was checked."),
        "trust": say("It was asked whether its sender may send it."),
        "load": say("It was loaded."),
        "acknowledge": say("Its receipt was made."),
        "retry": say("Somebody sent it on its way again."),
        "release": say("Somebody let it in."),
        "unload": say("Its rows were taken out."),
        "supersede": say("A newer version took its place."),
    }
    said_ = words.get(event.step)
    return said_ if said_ is not None else f"{event.step}: {event.outcome}"
