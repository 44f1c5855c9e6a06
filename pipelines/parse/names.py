"""Names of columns as header cells spell them."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """A name without case, accents, spaces and punctuation; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in plain if char.isalnum())
