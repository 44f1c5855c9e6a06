"""Every connector stands in `connectors/conformance.py`, where mypy compares it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_type_hints

import connectors.conformance
from connectors.protocols import Ledger
from connectors.registry import CONNECTORS


def compared() -> set[tuple[str, str]]:
    """Class and protocol of each function there that returns its argument as it came."""
    tree = ast.parse(Path(connectors.conformance.__file__).read_text("utf-8"))
    functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
    return {
        (ast.unparse(each.args.args[0].annotation), ast.unparse(each.returns))
        for each in functions
        if each.args.args[0].annotation is not None
        and each.returns is not None
        and [ast.unparse(line) for line in each.body] == [f"return {each.args.args[0].arg}"]
    }


def test_every_connector_is_compared_with_its_protocol() -> None:
    registered = {
        (class_, kind.capitalize())
        for kind, known in CONNECTORS.items()
        for _, _, class_ in known.values()
    }

    assert registered - compared() == set()


def test_every_part_of_the_ledger_is_compared_with_its_protocol() -> None:
    parts = {
        get_type_hints(getter.fget)["return"].__name__
        for getter in vars(Ledger).values()
        if isinstance(getter, property)
    }

    assert len(parts) > 30
    assert parts - {protocol for _, protocol in compared()} == set()
