"""Private: what is ours alone on this machine, whatever the umask, and what is to be shared.

Raw files, rejected rows, senders' addresses and the ledger are nobody else's business; a receipt
beside a drop is, to everybody who may read the drop.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_OTHERS = 0o077


def keep_private() -> None:
    """Let every file and folder that this process makes from now on be its user's only."""
    os.umask(_OTHERS)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for nobody else to look into."""
    for each in reversed([path, *path.parents]):
        if not each.is_dir():
            with suppress(FileExistsError):
                each.mkdir(mode=0o700)
                each.chmod(0o700)


def private_file(path: Path) -> None:
    """Make an empty file that nobody else can read; one that is there stays as it is."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def shared_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, with the mode of the one they lie in."""
    missing = [each for each in (path, *path.parents) if not each.is_dir()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir()
            each.chmod(stat.S_IMODE(each.parent.stat().st_mode))


def share_like(path: Path, model: Path) -> None:
    """Let a file be read, and written, by whoever may read and write another: one beside which it
    comes to lie, or else the folder itself."""
    with suppress(FileNotFoundError):
        path.chmod(stat.S_IMODE(model.stat().st_mode) & 0o666)
        return
    path.chmod(stat.S_IMODE(path.parent.stat().st_mode) & 0o666)


def open_to_others(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of the paths that others on this machine may look into."""
    for path in paths:
        with suppress(FileNotFoundError):
            if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
                yield path
