"""Pages: every error with what to do about it, and every reason for which a row is rejected."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs.builder.links import ROOT
from docs.builder.reference.text import code, one_line, page, section, table
from pipelines.acknowledge.fixes import FIXES
from pipelines.rejects.messages import SENTENCES
from schemas import errors
from schemas.errors import WaybillError
from schemas.language import is_template

_FOLDERS = ("entrypoints", "pipelines", "connectors", "schemas")
_NEXT: tuple[tuple[str, str], ...] = (
    ("DataError", "The file is quarantined and its sender told. Correct the file, send it again."),
    ("EncryptedError", "The file is quarantined and its sender told. Send it without a password, or"
     " add the password to `limits.archive_passwords_file`."),
    ("ContractError", "Nothing is loaded under that contract until it is corrected."),
    ("ConfigError", "The command ends, with exit status 3. Correct what it names."),
    ("AccessDeniedError", "The feed stops and ops are alerted. Grant the right, then"
     " `waybill resume FEED`."),
    ("TransformError", "The file fails. Correct the function, then `waybill retry ID`."),
    ("TableDiffersError", "Loads of the table wait. Run `waybill apply`; they go on by themselves."),
    ("FatalError", "The feed stops and ops are alerted. Fix it, then `waybill resume FEED`."),
    ("NotFoundError", "The command ends, with exit status 1; the API answers 404. Check the name."),
    ("ConflictError", "It cannot be done as things are now; the API answers 409. Do what it says,"
     " then ask again."),
    ("RefusedError", "The command ends, or the API answers. Do what it says, then ask again."),
    ("TooLargeError", "The API answers 413. Send the file in parts, or drop it into the bucket."),
    ("LeaseLostError", "Another worker has the step; nothing is to be done."),
    ("AwayError", "It is tried again by itself. An alert says so after `alerts.away_minutes`."),
    ("ThrottledError", "It is tried again by itself, after minutes."),
    ("BusyError", "It waits by itself."),
    ("FeedGoneError", "Its files wait until there is a feed of that name."),
    ("ItemDeniedError", "It is tried again; the file fails if that stays so. Grant the right to read"
     " the object, then `waybill retry ID`."),
    ("AttemptSpentError", "It is tried again by itself, under a new job id."),
    ("ItemChangedError", "The newest version is taken in by itself."),
    ("RetryableError", "It is tried again by itself, `limits.attempts` times."),
)  # fmt: skip
"""What happens next, and what to do, by class: the type alone decides."""


@dataclass(frozen=True, order=True)
class _Raised:
    message: str
    hint: str


def _text(node: ast.expr | None) -> str:
    """A literal, an f-string with the names of its values, or either choice of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value) if isinstance(each, ast.Constant)
            else "{" + _name(each) + "}"
            for each in node.values
        )  # fmt: skip
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (_text(node.body), _text(node.orelse))))
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def _name(node: ast.expr) -> str:
    """What a value in a sentence is called; three dots for what is reckoned."""
    value = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(value, ast.Attribute):
        return value.attr.lstrip("_")
    return value.id if isinstance(value, ast.Name) else "…"


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's own names for texts."""
    return {
        target.id: text
        for node in tree.body
        if isinstance(node, ast.Assign) and (text := _text(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _classes() -> dict[str, type[WaybillError]]:
    return {
        name: each
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, WaybillError) and each is not WaybillError
    }


@cache
def _raised() -> dict[str, set[_Raised]]:
    """Each error that the code can make, by class."""
    found: dict[str, set[_Raised]] = {name: set() for name in _classes()}
    for path in _modules(*_FOLDERS):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = _constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in found or not node.args:
                continue
            hint = next((each.value for each in node.keywords if each.arg == "hint"), None)
            message = _said(node.args[0], names)
            if message:
                found[node.func.id].add(_Raised(one_line(message), one_line(_said(hint, names))))
    return found


def _said(node: ast.expr | None, names: dict[str, str]) -> str:
    return names.get(node.id, "") if isinstance(node, ast.Name) else _text(node)


def _modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def errors_page() -> str:
    """The page. Raises KeyError for a class of which nothing is said above."""
    raised, classes, after = _raised(), _classes(), dict(_NEXT)
    if missing := classes.keys() ^ after.keys():
        raise KeyError(f"docs/builder/reference/errors.py: {', '.join(sorted(missing))}")
    blocks = []
    for name, what in _NEXT:
        rows = [(code(each.message), each.hint) for each in sorted(raised[name])]
        about = one_line(classes[name].__doc__).rstrip(".")
        listed = table(("message", "what to do"), rows) if rows else ""
        blocks.append(
            section(name, f"{about[0].upper()}{about[1:]}.", f"**What happens:** {what}", listed)
        )
    return page(
        "Errors",
        "Errors are grouped by what happens next. Words in braces are filled in. Where the last"
        " column is empty, do what the group says.",
        *blocks,
    )


def _sentences_of(*folders: str) -> list[str]:
    """The templates about rows and files that the modules of these stages hold."""
    told = set()
    for path in _modules(*(f"pipelines/{each}" for each in folders)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                told.add(node.value)
    errors_and_hints = {
        text for each in _raised().values() for one in each for text in (one.message, one.hint)
    }
    told -= errors_and_hints | set(SENTENCES.values())
    return sorted(each for each in told if len(each.split()) > 3 and is_template(each))


def reasons_page() -> str:
    """The page."""
    rules = [(code(rule), code(text)) for rule, text in SENTENCES.items()]
    fixes = [(code(rule), fix) for rule, fix in sorted(FIXES.items())]
    found = _sentences_of("cast", "parse", "validate", "rejects", "drift", "prepare")
    return page(
        "Reasons",
        "Why a row is rejected: a rule, and the sentence that its sender reads. Words in braces are"
        " filled in. Where the contract says how a column is written, the receipt says that, with an"
        " example. Correct the rows in the rejects file or in the console, and send only those"
        " rows again.",
        section(
            "What to do, by rule",
            "As the receipt says it. Of any other rule: correct the column so that the rule holds.",
            table(("rule", "what to do"), fixes),
        ),
        section(
            "Sentences about cells, lines and files",
            table(("sentence",), [(code(each),) for each in found]),
        ),
        section(
            "Rules of contracts",
            "A contract may give each rule a sentence of its own (`description`); these are ours.",
            table(("rule", "sentence"), rules),
        ),
    )
