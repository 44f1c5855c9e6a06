"""What waits for a person: files that are held, and what no feed takes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query

from entrypoints.web.api.caller import Caller, Viewer
from entrypoints.web.api.fields import FeedQuery, Model, Text
from entrypoints.web.api.problems import responses
from pipelines.operations.holds import HeldFile, held_files
from pipelines.operations.unmatched import listed
from schemas.file import Status
from schemas.trust import Cause
from schemas.unmatched import Unmatched

router = APIRouter(tags=["what waits"])

_Most = Annotated[int, Query(ge=1, le=1000)]


class HeldModel(Model):
    """A file that its feed does not trust; POST /files/{file_id}/release lets it in."""

    file_id: str
    feed: str
    name: Text
    sender: Text | None
    subject: Text | None
    status: Status
    cause: Cause
    reason: Text
    held_at: datetime
    released_at: datetime | None
    released_by: Text | None

    @classmethod
    def of(cls, held: HeldFile) -> Self:
        """A hold with its file."""
        hold, item = held.hold, held.file.item
        return cls(
            file_id=hold.file_id,
            feed=hold.feed,
            name=item.name,
            sender=item.sender,
            subject=item.detail.get("subject"),
            status=held.file.status,
            cause=hold.cause,
            reason=hold.reason,
            held_at=hold.held_at,
            released_at=hold.released_at,
            released_by=hold.released_by,
        )


class HeldFilesModel(Model):
    """Held files, the latest first."""

    items: tuple[HeldModel, ...]


class UnmatchedModel(Model):
    """Things of one kind that no feed takes."""

    group_id: str
    source: str
    why: str
    names: tuple[Text, ...]
    sender: Text | None
    nearest_feed: str | None
    is_likely: bool
    count: int
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def of(cls, group: Unmatched) -> Self:
        """A group with the names of its first things."""
        return cls(
            group_id=group.group_id,
            source=group.source,
            why=str(group.why),
            names=tuple(each.name for each in group.items),
            sender=group.sender,
            nearest_feed=group.feed,
            is_likely=group.is_likely,
            count=group.count,
            first_seen=group.first_seen,
            last_seen=group.last_seen,
        )


class UnmatchedGroupsModel(Model):
    """What no feed takes, the latest first."""

    items: tuple[UnmatchedModel, ...]


@router.get("/held", responses=responses(404, 422))
def get_held(
    caller: Viewer,
    feed: FeedQuery = None,
    released: Annotated[bool, Query(description="Also what was let in.")] = False,
    limit: _Most = 200,
) -> HeldFilesModel:
    """Files that wait for somebody to let them in."""
    name = None if feed is None else caller.feed(feed)
    seen = _seen(caller, held_files(caller.runtime, name, over=released))
    return HeldFilesModel(items=tuple(map(HeldModel.of, seen[:limit])))


@router.get("/unmatched", responses=responses(422))
def get_unmatched(
    caller: Viewer,
    dismissed: Annotated[bool, Query(description="Only what was put away.")] = False,
    limit: _Most = 200,
) -> UnmatchedGroupsModel:
    """What lies at the sources and no feed takes; of a feed's key, what is nearest to the feed."""
    found = listed(caller.runtime, dismissed=dismissed)
    seen = [each for each in found if caller.sees(each.feed)]
    return UnmatchedGroupsModel(items=tuple(map(UnmatchedModel.of, seen[:limit])))


def _seen(caller: Caller, found: list[HeldFile]) -> list[HeldFile]:
    return [each for each in found if caller.sees(each.hold.feed)]
