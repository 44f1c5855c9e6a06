"""Said once: what several processes of a machine find in the same edit of a file, one of them
logs."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


class SaidOnce:
    """Remembers in a folder what was said of a file; without a folder every word is new."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def __call__(self, path: Path, text: str) -> bool:
        """Whether nobody has said that of this edit of the file yet; from now on somebody has."""
        if self._folder is None:
            return True
        of = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        with suppress(OSError):
            text = f"{path.stat().st_mtime_ns} {text}"
        mark = self._folder / f"{of}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError as error:
            log.debug("%s cannot be written: %s", mark, error)
            return True
        for older in self._folder.glob(f"{of}-*"):
            if older != mark:
                older.unlink(missing_ok=True)
        return True
