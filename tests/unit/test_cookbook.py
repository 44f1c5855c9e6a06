"""The recipes of docs/add/cookbook.md: each file, under what is written of its contract, becomes
what the page says. Inputs and answers are read from the page, so that the two cannot part."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from ruamel.yaml import YAML

from folders import ROOT
from schemas.contract import Contract
from schemas.file import Outcome
from schemas.odcs.reader import read_contract
from whole_way import Seen, seen

PAGE = ROOT / "docs" / "add" / "cookbook.md"
RECIPE = re.compile(
    r"^## (?P<number>\d+)\. (?P<title>.*?)$.*?"
    r"^<!-- file: (?P<name>\S+)(?: (?P<encoding>\S+))? -->\n```text\n(?P<file>.*?)^```$.*?"
    r"^```yaml\n(?P<contract>.*?)^```$.*?"
    r"^<!-- comes out -->\n```text\n(?P<out>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Recipe:
    """One recipe, as the page has it."""

    number: int
    name: str
    encoding: str
    file: str
    contract: str
    out: str


def recipes() -> list[Recipe]:
    return [
        Recipe(int(each["number"]), each["name"], each["encoding"] or "utf-8", each["file"],
               each["contract"], each["out"])
        for each in RECIPE.finditer(PAGE.read_text(encoding="utf-8"))
    ]  # fmt: skip


def written(recipe: Recipe, folder: Path) -> Path:
    """The recipe's file: text as it stands, a workbook of its cells, an archive of its members."""
    path = folder / recipe.name
    if path.suffix == ".xlsx":
        book = Workbook()
        assert book.active is not None
        for line in recipe.file.splitlines():
            book.active.append([_cell(each.strip()) for each in line.split("|")])
        book.save(path)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member in recipe.file.split("== ")[1:]:
                name, _, text = member.partition("\n")
                archive.writestr(name, text)
    else:
        path.write_bytes(recipe.file.encode(recipe.encoding))
    return path


def _cell(text: str) -> str | int:
    return int(text) if text.isdigit() else text.strip("'")


def contract_of(recipe: Recipe, folder: Path) -> Contract:
    """A contract with nothing but what the recipe writes."""
    yaml = YAML(typ="safe", pure=True)
    table = yaml.load(recipe.contract)
    table.setdefault("customProperties", []).append({"property": "rejectThreshold", "value": 0.9})
    path = folder / "t.odcs.yaml"
    with path.open("w", encoding="utf-8") as out:
        yaml.dump({
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": "t", "name": "t",
            "version": "1.0.0", "status": "active",
            "schema": [{"name": "t", "physicalType": "table", **table}],
        }, out)  # fmt: skip
    made = read_contract(path)
    assert isinstance(made, Contract)
    return made


def told(found: Seen, made: Contract) -> str:
    """What came of a file, as the page writes it."""
    lines = [" | ".join(column.name for column in made.columns)]
    lines += [" | ".join(map(_shown, row)) for row in found.rows]
    if found.checked.outcome is Outcome.QUARANTINED:
        lines = [f"nothing is loaded: {found.checked.reason}"]
    lines += [
        f"line {line} is rejected ({each.rule}): {text}"
        for each in found.checked.rejects
        for line, text, _ in each.examples
    ]
    if found.passed:
        counts = Counter(found.passed)
        lines.append(f"passed over: {', '.join(f'{n} {why}' for why, n in sorted(counts.items()))}")
    return "".join(f"{line}\n" for line in lines)


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "NULL" if value is None else str(value)


def test_there_are_twenty_recipes() -> None:
    assert [each.number for each in recipes()] == list(range(1, 21))


@pytest.mark.parametrize("recipe", recipes(), ids=lambda each: f"{each.number}-{each.name}")
def test_a_recipe_becomes_what_the_page_says(recipe: Recipe, tmp_path: Path) -> None:
    made = contract_of(recipe, tmp_path)
    assert told(seen(written(recipe, tmp_path), made), made) == recipe.out
