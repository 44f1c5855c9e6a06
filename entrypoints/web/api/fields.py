"""Fields: kinds of values that several models and questions have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from entrypoints.web.api.problems import clean


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("write the time with its zone, such as 2026-11-03T10:00:00Z")
    if not 1971 <= value.year <= 2200:
        raise ValueError("the year is out of range")
    return value.astimezone(UTC)


Text = Annotated[str, BeforeValidator(_cleaned)]
"""A text that may have come from anywhere."""

Moment = Annotated[
    datetime,
    AfterValidator(_in_utc),
    Field(examples=["2026-11-03T10:00:00Z"], description="RFC 3339, with its zone."),
]
"""A time that a caller gives."""

FileId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["5f0c2a9be1d34c77"])]
FeedName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$", examples=["orders"])]
ShortId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,16}$", examples=["5f0c2a9be1d3"])]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many a page.")]
Cursor = Annotated[str | None, Query(max_length=600, description="Of `next` in the page before.")]
FeedQuery = Annotated[
    str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Only of this feed.")
]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]


class Model(BaseModel):
    """What is answered: made of our records, names in snake_case, times in UTC."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Body(BaseModel):
    """What is sent: unknown fields are refused, for they may be misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)
