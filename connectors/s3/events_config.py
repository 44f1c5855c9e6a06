"""How a bucket tells what arrives in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator


class EventsConfig(BaseModel):
    """The SQS queue into which S3, EventBridge or SNS put what arrives; one of the source's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["sqs"]
    """What kind of queue it is."""
    queue_url: str
    """The queue's address; requests go to the host that it names."""
    region: str | None = None
    """The queue's region, if its address does not say it; without it, the bucket's."""
    wait_seconds: int = Field(default=20, ge=1, le=20)
    """How long one question waits for a message; SQS allows 20 seconds."""
    hidden_seconds: int = Field(default=120, ge=1, le=43_200)
    """How long a message that could not be processed stays hidden before it comes again."""

    @model_validator(mode="after")
    def _is_address(self) -> Self:
        place = urlsplit(self.queue_url)
        if place.scheme not in ("http", "https") or not place.hostname or len(place.path) < 2:
            raise ValueError(
                "queue_url is the queue's address, such as"
                " https://sqs.eu-west-1.amazonaws.com/111122223333/waybill-drop"
            )
        return self

    @property
    def endpoint(self) -> str:
        """Where the queue's server is."""
        place = urlsplit(self.queue_url)
        return f"{place.scheme}://{place.netloc}"

    @property
    def named_region(self) -> str | None:
        """The region that is configured, or that the address names."""
        if self.region:
            return self.region
        # sqs.eu-west-1.amazonaws.com, also behind an endpoint of one's own; or the older
        # eu-west-1.queue.amazonaws.com.
        parts = (urlsplit(self.queue_url).hostname or "").split(".")
        if "amazonaws" not in parts:
            return None
        after = parts[parts.index("sqs") + 1] if "sqs" in parts else parts[0]
        return after if "-" in after else None


class FullListing(BaseModel):
    """How often a source that tells what arrives is listed whole all the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: float = Field(gt=0, le=168)
    """The time between two full listings."""

    @property
    def period(self) -> timedelta:
        """The time between two of them."""
        return timedelta(hours=self.hours)
