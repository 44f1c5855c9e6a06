"""The documents say what the code does."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

from connectors.failpoints import POINTS
from folders import ROOT
from schemas.dialect import Dialect
from schemas.file import TRANSITIONS

DOCS = ROOT / "docs"


def drawn() -> str:
    """TRANSITIONS as mermaid draws them."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> discovered"]
    for status, following in TRANSITIONS.items():
        lines += [f"    {status} --> {each}" for each in sorted(following)]
    return "\n".join([*lines, "```"])


def test_the_states_are_drawn_as_the_ledger_has_them() -> None:
    page = (DOCS / "exactly-once.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- states -->\n(.*?)\n<!-- /states -->", page, re.DOTALL)
    assert found is not None
    assert found[1] == drawn(), f"put this into docs/exactly-once.md:\n{drawn()}"


def test_every_crash_point_is_explained_and_placed() -> None:
    page = (DOCS / "exactly-once.md").read_text(encoding="utf-8")
    assert {point for point in POINTS if f"| `{point}` |" not in page} == set()
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("pipelines", "connectors")
        for path in (DOCS.parent / folder).rglob("*.py")
        if path.name != "failpoints.py"
    )
    assert set(re.findall(r'crash_point\("([^"]+)"\)', code)) == set(POINTS)


def test_every_key_of_a_dialect_is_explained() -> None:
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    missing = [each.name for each in fields(Dialect) if not re.search(rf"`{each.name}[`:]", page)]
    assert missing == []


def test_every_dependency_of_production_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    said = re.sub("[._]", "-", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").lower())
    names = {
        re.split(r"[\[<>=~!]", each)[0].lower()
        for each in (*project["dependencies"], *extras["web"], *extras["mcp"])
    }
    assert {each for each in names if not re.search(rf"\b{re.escape(each)}\b", said)} == set()


def test_the_upgrade_page_tells_of_each_change_once_and_of_the_newest_ledger() -> None:
    page = (DOCS / "upgrade.md").read_text(encoding="utf-8")
    told = re.findall(r"^\*\*(.+?)\*\*", page, re.MULTILINE)
    assert sorted(told) == sorted(set(told))
    versions = ROOT / "connectors" / "ledger" / "migrations" / "versions"
    newest = max(path.name[1:5] for path in versions.glob("v*.py"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"ledger schema {newest}" in page
    assert f"the ledger's schema is {newest}" in " ".join(changelog.split())
