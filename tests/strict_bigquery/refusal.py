"""A refusal: an error as the real service words it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """What BigQuery answers instead of doing it: its reason, its message, the HTTP status."""

    reason: str
    message: str
    status: int = 400

    def error(self) -> dict[str, str]:
        """The error as one entry of `errors`."""
        return {"reason": self.reason, "location": "query", "message": self.message}

    def body(self) -> dict[str, object]:
        """The whole body of an HTTP error."""
        return {
            "error": {
                "code": self.status,
                "message": self.message,
                "errors": [{**self.error(), "domain": "global"}],
                "status": "INVALID_ARGUMENT",
            }
        }
