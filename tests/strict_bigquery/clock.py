"""Time that a test may move: quotas and late jobs go by it."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970, moved ahead by whoever asks."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """The time."""
        return time.time() + self.ahead
