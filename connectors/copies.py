"""Copies: items of a source as local files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from schemas.item import Item

_COPY_BYTES = 1024 * 1024


def new_path(folder: Path) -> Path:
    """A path below the folder at which nothing is."""
    return folder / secrets.token_hex(8)


def copied(
    opened: Callable[[Item], AbstractContextManager[BinaryIO]], item: Item, folder: Path
) -> Path:
    """A new file below the folder with the bytes of an item; none if opening or reading it fails,
    which is raised."""
    path = new_path(folder)
    try:
        with opened(item) as stream, path.open("xb") as copy:
            shutil.copyfileobj(stream, copy, _COPY_BYTES)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
