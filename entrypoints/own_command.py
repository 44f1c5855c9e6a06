"""How a process of ours starts another one."""

from __future__ import annotations

import sys
from pathlib import Path


def own_command(config: Path, *arguments: str) -> list[str]:
    """The command line of `waybill` with the same Python and the same packages, as a list.

    `-P` keeps the folder where it runs out of Python's path: a project may have packages that are
    named as ours.
    """
    return [sys.executable, "-P", "-m", "entrypoints", "--config", str(config), *arguments]
