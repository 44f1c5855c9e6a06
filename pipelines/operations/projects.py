"""Projects: a folder of one's own with all that the service needs to begin."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pipelines.operations.own_files import write_own
from schemas.errors import ConfigError

_TEMPLATES = Path(__file__).with_name("project_files")
_PLACES = {
    "config.yaml": "config.yaml",
    "contracts/orders.odcs.yaml": "orders.odcs.yaml",
    "feeds/orders.py": "orders.py.txt",
    "samples/orders/orders.csv": "orders.csv",
    "Makefile": "Makefile",
    ".github/workflows/ci.yml": "ci.yml",
    ".gitignore": "gitignore",
}
"""What a project has, and the template of each."""


def make_project(folder: Path) -> tuple[Path, ...]:
    """Make a project in a folder that may be there: settings, one contract, one feed, a sample, a
    Makefile, a CI workflow. The files that were written.

    Raises ConfigError, and writes nothing, if one of them is there already or cannot be written.
    """
    texts = {
        folder / place: (_TEMPLATES / name).read_text(encoding="utf-8")
        for place, name in _PLACES.items()
    }
    texts[folder / "requirements.txt"] = f"{_requirement()}\n"
    texts[folder / "drop" / ".gitkeep"] = ""
    if there := [str(path) for path in texts if path.exists()]:
        raise ConfigError(
            f"already there: {', '.join(there)}",
            hint="begin in an empty folder: nothing is overwritten",
        )
    for path, text in texts.items():
        write_own(path, text)
    return tuple(texts)


def _requirement() -> str:
    """What pip needs to install the same Waybill: where this one was installed from, or its
    version."""
    try:
        found = distribution("waybill")
    except PackageNotFoundError:
        return "waybill"
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    return f"waybill @ {origin['url']}" if origin.get("url") else f"waybill=={found.version}"
