"""Navigation: the places that stand at the top of every page, for who may open them."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import say
from schemas.key import Role


@dataclass(frozen=True, slots=True)
class Place:
    """A place: its name for the page that is open, its address, and what it is called."""

    name: str
    url: str
    label: str


def places(caller: Caller) -> list[Place]:
    """The places that the caller may open."""
    labels = {
        "my_files": (say("My files"), Role.VIEWER),
        "send": (say("Send a file"), Role.OPERATOR),
        "feeds": (say("Feeds"), Role.VIEWER),
        "calendar": (say("Calendar"), Role.VIEWER),
        "drifts": (say("Drift"), Role.VIEWER),
        "decide": (say("Decide"), Role.VIEWER),
        "alerts": (say("Alerts"), Role.VIEWER),
        "row": (say("Find a row"), Role.OPERATOR),
        "senders": (say("Senders"), Role.VIEWER),
        "service": (say("Service"), Role.VIEWER),
        "people": (say("People"), Role.ADMIN),
    }
    found = []
    for name, (label, role) in labels.items():
        if caller.may_somewhere(role) and (url := _url(name)) is not None:
            found.append(Place(name, url, label))
    return found


def _url(name: str) -> str | None:
    """The address of a screen; None while there is none of that name."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
