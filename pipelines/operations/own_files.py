"""Own files: texts that are written into folders of whoever asks."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import ConfigError


def write_own(path: Path, text: str) -> None:
    """Write a text, in folders that are made for it. Raises ConfigError when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="give this user the right to"
        ) from error
