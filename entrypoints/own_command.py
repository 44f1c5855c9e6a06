"""How a process of ours starts another one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def own_command(config: Path, *arguments: str) -> list[str]:
    """The command line of `waybill` with the same Python and the same packages, as a list.

    `-P` keeps the folder where it runs out of Python's path: a project may have packages that are
    named as ours.
    """
    return [sys.executable, "-P", "-m", "entrypoints", "--config", str(config), *arguments]


def typed_command() -> str:
    """How a person who stands here types `waybill`: by its name where the shell finds this very
    program, else by its path."""
    program = Path(sys.argv[0]).absolute()
    if program.name != "waybill":
        return f"{sys.executable} -m entrypoints"
    found = shutil.which("waybill")
    if found is not None and Path(found).absolute() == program:
        return "waybill"
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
