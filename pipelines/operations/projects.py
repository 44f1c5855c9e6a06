"""Projects: a folder of one's own with all that the service needs to begin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit
from urllib.request import url2pathname

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


def make_project(folder: Path, extras: Sequence[str] = ()) -> tuple[Path, ...]:
    """Make a project in a folder that may be there: settings, one contract, one feed, a sample, a
    Makefile, a CI workflow, the Waybill that it needs with its extras. The files that were written.

    Raises ConfigError, and writes nothing, if one of them is there already or cannot be written.
    """
    texts = {
        folder / place: (_TEMPLATES / name).read_text(encoding="utf-8")
        for place, name in _PLACES.items()
    }
    texts[folder / "requirements.txt"] = f"{origin_of_waybill(extras).line}\n"
    texts[folder / "drop" / ".gitkeep"] = ""
    if there := [str(path) for path in texts if path.exists()]:
        raise ConfigError(
            f"already there: {', '.join(there)}",
            hint="begin in an empty folder: nothing is overwritten",
        )
    for path, text in texts.items():
        write_own(path, text)
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where pip gets the same Waybill: what requirements.txt says, and the command that first puts
    it there, in the project's folder; None if it is there."""

    line: str
    todo: str | None = None


_NO_INDEX = """\
# Waybill is not on PyPI: a `waybill` there is another project's. Keep its wheel in wheels/, under
# version control: that of a release, or what `pip wheel --no-deps -w wheels CHECKOUT` makes.
"""


def origin_of_waybill(extras: Sequence[str] = ()) -> Origin:
    """Where pip gets the Waybill that runs here, with these extras, on any machine: the version, if
    it came from an index; the address that it came from; else a wheel within the project."""
    wanted = f"[{','.join(extras)}]" if extras else ""
    try:
        found = distribution("waybill")
    except PackageNotFoundError:
        return _wheel("VERSION", wanted, "CHECKOUT")
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if not url:
        return Origin(f"waybill{wanted}=={found.version}")
    if url.startswith("file:"):
        return _wheel(found.version, wanted, url2pathname(urlsplit(url).path))
    if (vcs := origin.get("vcs_info")) is not None:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return Origin(f"waybill{wanted} @ {url}")


def _wheel(version: str, wanted: str, place: str) -> Origin:
    name = f"waybill-{version}-py3-none-any.whl"
    return Origin(
        f"{_NO_INDEX}./wheels/{name}{wanted}",
        f"pip wheel --no-deps -w wheels {quote(place)}",
    )
