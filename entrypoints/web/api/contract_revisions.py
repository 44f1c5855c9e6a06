"""Contract revisions: what a feed's contract was from when on, with who and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field

from entrypoints.web.api.caller import Viewer
from entrypoints.web.api.fields import FeedName, Model, Text
from entrypoints.web.api.problems import responses
from pipelines.operations.contract_revisions import changes_of, revisions_of
from schemas.contract_revision import ContractRevision

router = APIRouter(prefix="/feeds/{feed}/contract/revisions", tags=["feeds"])


class RevisionModel(Model):
    """A contract from a moment on; without a version it was taken out of force. `drift_id` is the
    drift whose acceptance it is."""

    revision: int
    version: str | None = Field(examples=["0f3a9c11d2e4"])
    at: datetime
    who: Text
    via: str
    reason: Text | None
    drift_id: str | None

    @classmethod
    def of(cls, made: ContractRevision) -> Self:
        """A revision without its text."""
        return cls(
            revision=made.number,
            version=None if made.sha256 is None else made.sha256[:12],
            at=made.at,
            who=made.actor.who,
            via=made.actor.via,
            reason=made.reason,
            drift_id=made.drift_id,
        )


class RevisionsModel(Model):
    """Revisions, the newest first."""

    items: tuple[RevisionModel, ...]


class RevisionChangesModel(Model):
    """A revision with what it has changed against the one before, as a unified diff."""

    revision: RevisionModel
    changes: Annotated[str, Field(examples=["--- revision 1\n+++ revision 2\n…"])]


@router.get("", responses=responses(404, 422))
def list_contract_revisions(
    caller: Viewer, feed: FeedName, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> RevisionsModel:
    """The contract's revisions; none as long as only a folder's file is in force."""
    name = caller.runtime.feeds[caller.feed(feed)].contract
    found = revisions_of(caller.runtime, name)[:limit]
    return RevisionsModel(items=tuple(map(RevisionModel.of, found)))


@router.get("/{revision}", responses=responses(404, 422))
def get_contract_revision(
    caller: Viewer, feed: FeedName, revision: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> RevisionChangesModel:
    """One revision, and what it has changed."""
    name = caller.runtime.feeds[caller.feed(feed)].contract
    found = revisions_of(caller.runtime, name)
    changes = changes_of(found, revision)
    made = next(each for each in found if each.number == revision)
    return RevisionChangesModel(revision=RevisionModel.of(made), changes=changes)
