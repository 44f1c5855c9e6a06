"""Patterns: none that is run over what others send takes more than linear time."""

from __future__ import annotations

import ast
import importlib
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from folders import ROOT

parser: Any = importlib.import_module("re._parser")

ROOMS = ("entrypoints", "pipelines", "connectors", "schemas")
# What is compiled at a module's top is found there, by its name.
CALLS = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")
LENGTHS = (2_000, 100_000)
SECONDS = 1.0
"""Of processor time, for 100,000 characters: a quadratic pattern takes many minutes, a linear one a
few thousandths."""

OURS_ONLY = {
    "entrypoints/config/config_file.py": "our own config.yaml",
    "pipelines/operations/unload.py": "what our own user types",
    "entrypoints/cli/options.py": "what our own user types",
    "pipelines/operations/new_feed.py": "names of files that our own user types",
    "pipelines/operations/proposals.py": "what our own user types",
    "connectors/bigquery/rehearsal.py": "our own statements",
    "connectors/glob_overlap.py": "our own feeds' globs",
    "connectors/globs.py": "our own feeds' globs, which RE2 runs over keys",
    "schemas/odcs/types.py": "our own contracts",
    "schemas/regex.py": "our own contracts' expressions, which RE2 runs",
}
"""Modules whose patterns never see anybody's data."""

MADE_UP = [
    # As they are made of a dialect: pipelines/detect/dialect.py, fixed.py, parse/records.py.
    r'(?:^|[\r\n]|, ?)"',
    r'"(?: ?,|[\r\n]|$)',
    r"(?<!\d)-|-(?!\d)",
]


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def patterns_of(path: Path) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The patterns that a module keeps, and those written where they are used."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    # Without Django's settings the console's modules cannot be imported: what they keep is read.
    is_console = name.startswith("entrypoints.web.") and "console" in name
    calls = (*CALLS, "compile") if is_console else CALLS
    if not is_console and "migrations" not in name and not name.endswith("__main__"):
        for key, value in vars(importlib.import_module(name)).items():
            for pattern in kept(value):
                yield f"{name}.{key}", pattern
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in calls
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield f"{name}.:{node.lineno}", re.compile(node.args[0].value)


def kept(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 3 and isinstance(value, Mapping):
        for each in value.values():
            yield from kept(each, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from kept(each, depth + 1)


def all_patterns() -> dict[str, re.Pattern[Any]]:
    found: dict[str, re.Pattern[Any]] = {f"made up {each}": re.compile(each) for each in MADE_UP}
    seen: set[tuple[Any, int]] = set()
    for path in sources():
        if str(path.relative_to(ROOT)) in OURS_ONLY:
            continue
        for name, pattern in patterns_of(path):
            if (pattern.pattern, pattern.flags) not in seen:
                seen.add((pattern.pattern, pattern.flags))
                found[f"{name} {len(found)}"] = pattern
    return found


def test_the_exemptions_are_modules_that_there_are() -> None:
    assert all((ROOT / each).is_file() for each in OURS_ONLY)


@pytest.mark.parametrize(("name", "pattern"), all_patterns().items(), ids=lambda each: str(each))
def test_hostile_text_takes_linear_time(name: str, pattern: re.Pattern[Any]) -> None:
    ways = [getattr(pattern, way) for way in ways_of(name)]
    for attack in attacks(pattern):
        for length in LENGTHS:
            text = attack(length)
            for way in ways:
                assert seconds(way, text) < SECONDS, (
                    f"{name}, {pattern.pattern!r}: {way.__name__} of {length:,} characters of"
                    f" {text[:20]!r}…{text[-5:]!r} takes over {SECONDS} s"
                )


def ways_of(name: str) -> set[str]:
    """The ways in which a pattern is run: by its own name if it has one, else all in its module."""
    module, _, constant = name.split()[0].rpartition(".")
    if not module or name.startswith("made up"):
        return {"search", "fullmatch", "match"}
    path = ROOT / (module.partition(":")[0].replace(".", "/") + ".py")
    path = path if path.is_file() else path.with_suffix("") / "__init__.py"
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in CALLS:
            owner = node.value.id if isinstance(node.value, ast.Name) else "?"
            found.setdefault(owner, set()).add(node.attr)
    ways = found.get(constant) or set().union(*found.values(), {"match"})
    return {each if each in ("match", "fullmatch") else "search" for each in ways}


def seconds(way: Any, text: Any) -> float:
    """What it takes of the processor; broken off after twice what is allowed."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2 * SECONDS)
    begun = time.process_time()
    try:
        way(text)
    except TimeoutError:
        return 2 * SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return time.process_time() - begun


COMMON: tuple[str, ...]
COMMON = (" ", "\t", "\n", "\r", "0", "a", "A", "-", ".", ",", '"', "'", "\\", "(", "[", "<", "{")
COMMON += ("=", "?", ":", "/", "@", "_", "%", "é", "\u00a0", "\\\\", '"a', "a,", "1.", " a", "<a ")
ENDS = ("", "!")


def attacks(pattern: re.Pattern[Any]) -> Iterator[Any]:
    """Texts by length: what repeats in the pattern, repeated, after what comes before it there."""
    is_text = isinstance(pattern.pattern, str)
    pumps = {("", each) for each in COMMON}
    source = pattern.pattern if is_text else pattern.pattern.decode("latin-1")
    for prefix, pump in repeats(parser.parse(source, pattern.flags & ~re.UNICODE & ~re.DEBUG)):
        pumps |= {(prefix, pump), ("", prefix + pump), ("", pump)}
    for prefix, pump in sorted(pumps):
        for end in ENDS:
            if not pump or (not is_text and not (prefix + pump + end).isascii()):
                continue

            def attack(length: int, prefix: str = prefix, pump: str = pump, end: str = end) -> Any:
                text = prefix + pump * (length // len(pump)) + end
                return text if is_text else text.encode("latin-1", "replace")

            yield attack


def repeats(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Every repeated piece of a pattern with a text that leads to it."""
    for at, (op, value) in enumerate(tree):
        lead = before + sample(tree[:at])
        if op in (parser.MAX_REPEAT, parser.MIN_REPEAT, parser.POSSESSIVE_REPEAT):
            _, _, body = value
            for pick in range(3):
                yield lead, sample(body, pick)
            # Two repeats that can eat the same text are what makes a pattern slow.
            yield lead, sample(body) + sample(tree[at + 1 : at + 2])
            yield from repeats(body, lead)
        elif op is parser.SUBPATTERN:
            yield from repeats(value[-1], lead)
        elif op is parser.BRANCH:
            for branch in value[1]:
                yield from repeats(branch, lead)
        elif op in (parser.ASSERT, parser.ASSERT_NOT):
            yield from repeats(value[1], lead)
        elif op is parser.ATOMIC_GROUP:
            yield from repeats(value, lead)


def sample(tree: Any, pick: int = 0) -> str:
    """A text that a piece of a pattern matches, or nearly."""
    return "".join(_sample(op, value, pick) for op, value in tree)


def _sample(op: Any, value: Any, pick: int) -> str:
    if op is parser.LITERAL:
        return chr(value)
    if op is parser.ANY:
        return "a, "[pick]
    if op is parser.NOT_LITERAL:
        return next(each for each in "a b!"[pick:] if ord(each) != value)
    if op is parser.IN:
        return _of_set(value, pick)
    if op in (parser.MAX_REPEAT, parser.MIN_REPEAT, parser.POSSESSIVE_REPEAT):
        low, _, body = value
        times: int = min(max(low, 1), 20)
        return sample(body, pick) * times
    if op is parser.SUBPATTERN:
        return sample(value[-1], pick)
    if op is parser.BRANCH:
        return sample(value[1][pick % len(value[1])], pick)
    if op is parser.ATOMIC_GROUP:
        return sample(value, pick)
    return ""


def _of_set(items: Any, pick: int) -> str:
    candidates = [*COMMON, "b", "Z", "9", "x", "é", "!", "\x80"]
    for op, value in items:
        candidates += [chr(value)] if op is parser.LITERAL else []
        candidates += [chr(value[0]), chr(value[1])] if op is parser.RANGE else []
    fitting = [each for each in candidates if len(each) == 1 and _is_in(items, each)]
    return fitting[pick % len(fitting)] if fitting else "a"


_CATEGORIES: Mapping[object, Callable[[str], bool]] = {
    parser.CATEGORY_DIGIT: str.isdigit,
    parser.CATEGORY_NOT_DIGIT: lambda char: not char.isdigit(),
    parser.CATEGORY_SPACE: str.isspace,
    parser.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    parser.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    parser.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}


def _is_in(items: Any, char: str) -> bool:
    found = False
    for op, value in items:
        if op is parser.LITERAL:
            found |= ord(char) == value
        elif op is parser.RANGE:
            found |= value[0] <= ord(char) <= value[1]
        elif op is parser.CATEGORY:
            found |= _CATEGORIES[value](char)
    return found != (items[0][0] is parser.NEGATE)
