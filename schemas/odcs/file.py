"""An ODCS file: its YAML with positions, checked against the standard's own JSON schema."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError
from open_data_contract_standard.model import OpenDataContractStandard

from schemas.errors import ContractError
from schemas.plain_yaml import read_plain_yaml
from schemas.regex import fault_of

_LOGICAL = {
    **dict.fromkeys(("INT64", "INTEGER", "INT", "BIGINT", "SMALLINT"), "integer"),
    **dict.fromkeys(("FLOAT64", "FLOAT", "NUMERIC", "DECIMAL"), "number"),
    **dict.fromkeys(("BIGNUMERIC", "BIGDECIMAL"), "number"),
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), "timestamp"),
    "BOOL": "boolean",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
}

type Where = tuple[str | int, ...]


class Faults:
    """The faults of one file, each with its line and path."""

    def __init__(self, path: Path, tree: Any) -> None:
        self._path, self._tree = path, tree
        self._found: list[tuple[int, str]] = []

    def add(self, where: Where, what: str) -> None:
        """Note a fault at a place such as `("schema", 0, "properties", 2)`."""
        line, place = self._place(where)
        self._found.append((line, f"{place}: {what}"))

    def place(self, where: Where) -> str:
        """A place in words: file, line and path."""
        return self._place(where)[1]

    def _place(self, where: Where) -> tuple[int, str]:
        line, dotted = 1, ""
        node: Any = self._tree
        for key in where:
            dotted += f"[{key}]" if isinstance(key, int) else f".{key}"
            try:
                at = node.lc.item(key) if isinstance(key, int) else node.lc.key(key)
                line, node = at[0] + 1, node[key]
            except (KeyError, IndexError, AttributeError, TypeError):
                break
        return line, f"{self._path}:{line}: {dotted.lstrip('.') or 'file'}"

    def unknown(self, where: Where, name: str, known: Iterable[str]) -> None:
        """Note a name that nobody knows, with the likeliest one that was meant."""
        close = difflib.get_close_matches(name, list(known), 1, 0.5)
        meant = f'; did you mean "{close[0]}"?' if close else f"; known: {', '.join(sorted(known))}"
        self.add(where, f'"{name}" is not known{meant}')

    def raise_any(self) -> None:
        """Raise one ContractError for all faults, if there are any."""
        if self._found:
            lines = [text for _, text in sorted(set(self._found))]
            raise ContractError("\n".join(lines), hint=f"correct {self._path}")


class OdcsFile:
    """One contract file, or `data` under its name, read with the lines of its keys."""

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path = path
        self._tree: Any = read_plain_yaml(path, ContractError, data)
        self.faults = Faults(path, self._tree)

    def checked(self) -> dict[str, Any]:
        """The file's plain values; raises ContractError for what the standard does not allow."""
        plain = json.loads(json.dumps(self._tree, default=str))
        for error in _validator().iter_errors(_with_logical_types(plain)):
            self._explain(error)
        self.faults.raise_any()
        return dict(plain)

    def _explain(self, error: ValidationError) -> None:
        """Note the innermost reasons of a schema error, in a person's words."""
        if error.context:
            deepest = max(error.context, key=lambda each: len(each.absolute_path))
            self._explain(deepest)
            return
        where = tuple(error.absolute_path)
        if error.validator in ("unevaluatedProperties", "additionalProperties"):
            instance = error.instance if isinstance(error.instance, dict) else {}
            known = _known_names()
            strangers = [key for key in instance if key not in known]
            for key in strangers:
                self.faults.unknown((*where, key), key, known)
            if not strangers:
                self.faults.add(where, error.message[:200])
        else:
            self.faults.add(where, error.message[:200])


def check_regex(pattern: str, at: Where, faults: Faults) -> None:
    """Note a regular expression that cannot be run over data in linear time."""
    if fault := fault_of(pattern):
        faults.add(at, f'the pattern "{pattern}" is not read: {fault}')


def _with_logical_types(plain: Any) -> Any:
    """A copy in which each property has a logicalType.

    The standard's schema makes it optional, but its `if` clauses take a property without one for a
    map, a vector and everything else at once.
    """
    filled = json.loads(json.dumps(plain))
    objects = filled.get("schema") if isinstance(filled, dict) else None
    for table in objects if isinstance(objects, list) else []:
        properties = table.get("properties") if isinstance(table, dict) else None
        for each in properties if isinstance(properties, list) else []:
            if isinstance(each, dict) and "logicalType" not in each:
                word = str(each.get("physicalType", "")).partition("(")[0].strip().upper()
                each["logicalType"] = _LOGICAL.get(word, "string")
    return filled


def _standard() -> Any:
    """The JSON schema that the standard's own package ships."""
    text: str = OpenDataContractStandard.json_schema()  # type: ignore[no-untyped-call]
    return json.loads(text)


@cache
def _validator() -> Draft201909Validator:
    return Draft201909Validator(_standard())


@cache
def _known_names() -> frozenset[str]:
    """Every property name that the standard has anywhere."""
    names: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                names.update(node["properties"])
            for each in node.values():
                collect(each)
        elif isinstance(node, list):
            for each in node:
                collect(each)

    collect(_standard())
    return frozenset(names)
