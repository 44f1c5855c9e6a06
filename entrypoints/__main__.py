"""The `waybill` command as it is installed; `python -m entrypoints` is the same."""

from __future__ import annotations

import sys
from pathlib import Path

_OURS = ("connectors", "dags", "entrypoints", "pipelines", "schemas")


def main() -> None:
    """Run the command line with our own packages; ends the process with its exit status."""
    _ours_first()
    from entrypoints.cli import main as command_line

    command_line()


def _ours_first() -> None:
    """Put folders that hold packages named as ours behind all others: PYTHONPATH brings a project's
    own `pipelines` before us. Processes that this one spawns take its path over."""
    ours = Path(__file__).resolve().parents[1]
    foreign = [
        each
        for each in sys.path
        if Path(each).resolve() != ours and any(Path(each, name).is_dir() for name in _OURS)
    ]
    sys.path[:] = [*(each for each in sys.path if each not in foreign), *foreign]


if __name__ == "__main__":
    main()
