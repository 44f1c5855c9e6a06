"""File states: what a state means in the terms of statuses and outcomes, by whose indexes it is
found."""

from __future__ import annotations

from sqlalchemy import and_, or_

from connectors.ledger.file_rows import Condition
from connectors.ledger.files import status_is
from connectors.ledger.tables import files
from connectors.ledger.tables.conditions import OWED
from schemas.file import LEFT_OUT, Outcome, Status
from schemas.file_query import THROUGH, UNDER_WAY, FileState

_through = or_(files.c.status.in_(THROUGH), files.c.in_force)
_not_through = and_(files.c.status.not_in([*THROUGH, *UNDER_WAY]), ~files.c.in_force)
_is_corrected = and_(files.c.rows_rejected > 0, files.c.rows_corrected >= files.c.rows_rejected)


def alternatives(state: FileState | None) -> list[list[Condition]]:
    """Conditions of which each finds some of the files of a state, and no two the same one; what
    finds all, without a state."""
    match state:
        case None:
            return [[]]
        case FileState.ON_ITS_WAY:
            return [[files.c.status.in_(UNDER_WAY), OWED]]
        case FileState.PARTLY:
            return [[*status_is(Outcome.PARTLY), _through, ~_is_corrected]]
        case FileState.LOADED:
            whole = files.c.outcome.in_([Outcome.ACCEPTED, *LEFT_OUT])
            return [[whole, _through], [*status_is(Outcome.PARTLY), _through, _is_corrected]]
        case FileState.NOT_LOADED:
            # Not by OR: each is found by an index of its own.
            refused = (Outcome.QUARANTINED, Outcome.SUPERSEDED)
            other = or_(files.c.outcome.is_(None), files.c.outcome.not_in(refused))
            ended = (Status.FAILED, Status.UNLOADED)
            settled = files.c.status.not_in(UNDER_WAY)
            return [
                *([*status_is(each), settled] for each in refused),
                *([*status_is(each), _not_through, other] for each in ended),
            ]
