"""Places: how far a mailbox's folders have been looked at, as the cursor of a listing keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

MAX_PENDING = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A folder's UIDVALIDITY and the last UID looked at. `mark` tells the message that had it from
    another that gets it when a server counts anew; `pending` are messages before it that could not
    be read, and are asked for again."""

    validity: int = 0
    uid: int = 0
    mark: str = ""
    pending: tuple[int, ...] = ()


def read_places(cursor: str | None) -> dict[str, Place]:
    """The places by folder; none for a cursor that is not ours."""
    try:
        return {
            str(folder): _place(*values) for folder, values in json.loads(cursor or "{}").items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def written(places: Mapping[str, Place]) -> str:
    """The cursor of these places."""
    plain = {
        folder: [each.validity, each.uid, *([each.mark, list(each.pending)] if each.mark else [])]
        for folder, each in places.items()
    }
    return json.dumps(plain)


def _place(validity: int, uid: int, mark: str = "", pending: tuple[int, ...] = ()) -> Place:
    return Place(int(validity), int(uid), str(mark), tuple(map(int, pending)))
