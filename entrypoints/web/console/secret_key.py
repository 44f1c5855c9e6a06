"""The secret key: that of the settings, or one that is made once and kept for this machine."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from connectors.private_files import private_folder
from entrypoints.config.settings import Settings

_NAME = "web.secret_key"


def secret_key(settings: Settings) -> str:
    """The key that signs sessions and links. Several web machines need one in their settings."""
    if settings.web.secret_key is not None:
        return settings.web.secret_key.get_secret_value()
    folder = Path(settings.folders.work)
    private_folder(folder)
    kept, unfinished = folder / _NAME, folder / f"{_NAME}.{secrets.token_hex(8)}"
    if not kept.exists():
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            # Whichever process is first, all read the same one.
            os.link(unfinished, kept)
        unfinished.unlink()
    return kept.read_text().strip()
