"""Settings of what the service tells about itself: its log and its metrics."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Metrics(BaseModel):
    """Where `/metrics` is read, by `waybill web` and `waybill metrics --serve`. It needs no key:
    leave it on loopback, or in a network of your own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen at."""
    port: int | None = Field(default=None, ge=0, lt=65536)
    """The port to listen at; without one, metrics are not served."""


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class Log(BaseModel):
    """How the log is written, and from which level on, by library."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: LogFormat = LogFormat.TEXT
    """Lines for people, or one JSON object a line."""
    levels: dict[str, Literal["debug", "info", "warning", "error"]] = Field(default_factory=dict)
    """The least level that is written, by the name of a logger: `celery: warning`."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Read `log: json`, short for its format."""
        return {"format": value} if isinstance(value, str) else value
