"""What the reference's pages are made of: sentences that stand in the code, and Markdown tables."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from enum import Enum

GENERATED = (
    "<!-- Generated from the code by `make reference`; what it says is written there. -->\n\n"
)
_OURS = ("connectors", "entrypoints", "pipelines", "schemas")


def sentences(cls: type) -> dict[str, str]:
    """What stands below each attribute of a class, inherited ones included, on one line each."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if not each.__module__.startswith(_OURS):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            name = _assigned(field)
            if name and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[name] = one_line(str(below.value.value))
    return found


def _assigned(node: ast.stmt) -> str | None:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def one_line(text: str | None) -> str:
    """A text without its line ends and indents."""
    return " ".join((text or "").split())


def code(value: object) -> str:
    """A value as code; nothing for an empty one."""
    text = str(value.value if isinstance(value, Enum) else value)
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` in a cell is none of its borders."""
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in rows:
        cells = [_plain(each) for each in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _plain(cell: str) -> str:
    """A cell on one line, whose angle brackets are no tags unless they stand in code."""
    parts = re.split(r"(`+[^`].*?`+)", one_line(cell))
    parts[::2] = [re.sub(r"<(?!br>)(?=[a-z/])", "&lt;", part) for part in parts[::2]]
    return "".join(parts).replace("|", r"\|")


def page(title: str, *blocks: str) -> str:
    """A whole page."""
    return f"{GENERATED}# {title}\n\n" + "\n".join(f"{each.rstrip()}\n" for each in blocks)


def section(title: str, *blocks: str) -> str:
    """A section of a page."""
    return f"## {title}\n\n" + "\n".join(f"{each.rstrip()}\n" for each in blocks if each)
