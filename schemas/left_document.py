"""What was left beside an original, so that it can be told from what others have put there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

_AT_ONCE = 1024 * 1024


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, so many at most; none at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftDocument:
    """A document of an answer as it was left: what follows the original's name in its own, how
    many bytes it has, and their SHA-256."""

    suffix: str
    size: int
    sha256: str

    @classmethod
    def of(cls, suffix: str, path: Path) -> Self:
        """What a copy of a local file leaves."""
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            return cls(suffix=suffix, size=content.tell(), sha256=digest)

    def is_in(self, stream: Readable) -> bool:
        """Whether a stream has, to its end, the bytes that were left."""
        digest, size = hashlib.sha256(), 0
        while found := stream.read(_AT_ONCE):
            digest.update(found)
            size += len(found)
            if size > self.size:
                return False
        return digest.hexdigest() == self.sha256

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"suffix": self.suffix, "size": self.size, "sha256": self.sha256}
