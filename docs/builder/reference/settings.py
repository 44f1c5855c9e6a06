"""Page: every key of config.yaml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, IPvAnyNetwork, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from connectors.registry import CONNECTORS, Kind, config_class
from docs.builder.reference.examples import EXAMPLES
from docs.builder.reference.text import code, one_line, page, section, sentences, table
from entrypoints.config.settings import Part, Settings

_UNITS = {
    "bytes": "bytes",
    "seconds": "seconds",
    "minutes": "minutes",
    "hours": "hours",
    "days": "days",
    "timeout": "seconds",
    "second": "a second",
    "minute": "a minute",
    "jobs": "a day",
    "changes": "a day",
    "share": "share, 0 to 1",
    "from": "share, 0 to 1",
    "ratio": "times",
    "tib": "dollars",
    "billed": "bytes",
    "replies": "a day",
}
"""The unit of a number by the last word of its key."""
_COUNTS = {
    "files", "members", "attempts", "partitions", "examples", "size", "overflow", "processes",
    "concurrency", "burst",
}  # fmt: skip
_NO_UNIT = {"port"}
_IN_SENTENCE = ("step_mb_seconds",)


@dataclass(frozen=True)
class Key:
    """A key of config.yaml: what its row of the reference says."""

    path: str
    kind: str
    default: str
    unit: str
    example: str
    variable: str
    sentence: str


def unit_of(name: str, kind: str) -> str:
    """The unit of a number; empty where there is none, and for what is no number.

    Raises KeyError for a number of which nothing is known: add the last word of its key above.
    """
    if "number" not in kind:
        return ""
    if name in _IN_SENTENCE:
        return "seconds a megabyte"
    last = name.rsplit("_", 1)[-1]
    if last in _NO_UNIT:
        return ""
    return "how many" if last in _COUNTS else _UNITS[last]


def kind_of(annotation: Any) -> str:
    """A type in a reader's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(inner[0])
    if origin in (Union, UnionType):
        kinds = [kind_of(each) for each in inner if each is not NoneType]
        return " or ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return f"one of {', '.join(map(code, inner))}"
    if origin in (list, tuple):
        return f"list of {kind_of(inner[0])}s"
    if origin is dict:
        return f"{kind_of(inner[1])} by name"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return f"one of {', '.join(map(code, annotation))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys below"
    return _PLAIN[annotation]


_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "secret",
    Any: "anything",
    IPvAnyNetwork: "network",
}


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if field.is_required() or value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return code(str(value).lower())
    if value is None or value in ("", (), [], {}) or isinstance(value, BaseModel):
        return "none"
    if isinstance(value, int | float):
        return code(_readable(value))
    if isinstance(value, tuple | list):
        return code(json.dumps(list(value)))
    return code(value)


def _readable(number: float) -> str:
    """A number as people write it in YAML; a whole power of two says how much that is."""
    number = int(number) if number == int(number) else number
    for size, unit in ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB")):
        if isinstance(number, int) and number >= size and number % size == 0:
            return f"{number} ({number // size} {unit})"
    return str(number)


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from models_of(each)


def keys(model: type[BaseModel], prefix: str, variable: str, example: Any) -> Iterator[Key]:
    """Every key of a model and of the models within it. Raises KeyError for one without a
    sentence, and for a number without a unit."""
    said = sentences(model)
    for name, field in model.model_fields.items():
        annotation = field.annotation
        inner = list(models_of(annotation))
        kind, path = kind_of(annotation), f"{prefix}{name}"
        if name not in said:
            raise KeyError(f"{model.__module__}.{model.__qualname__}.{name} has no sentence")
        if "secret" in kind:
            kind += f", or a file: `{name}_file`"
        default = _default(field)
        of_one = len(get_args(annotation)) == 1 and get_origin(annotation) is Literal
        says_nothing = default in ("none", "required")
        shown = default if of_one else _example(name, example)
        if not shown and says_nothing:
            shown = _example(name, _all_examples())
        if not shown and says_nothing and not inner:
            raise KeyError(f"{path}: give an example in docs/builder/reference/examples.py")
        yield Key(
            path,
            kind,
            default,
            unit_of(name, kind),
            shown or default,
            f"{variable}__{name.upper()}" if variable else f"WAYBILL_{name.upper()}",
            said[name],
        )
        named = get_origin(annotation) is dict
        for each in inner:
            if issubclass(each, Part):
                continue
            below = f"{path}.NAME." if named else f"{path}."
            inside = f"{variable}__{name.upper()}" + ("__NAME" if named else "")
            which = each.model_fields["type"].default if len(inner) > 1 else ""
            of = f" (`type: {which}`)" if which else ""
            for key in keys(each, below, inside, example):
                yield Key(
                    key.path, key.kind, key.default, key.unit, key.example, key.variable,
                    key.sentence + of,
                )  # fmt: skip


def _example(name: str, tree: Any) -> str:
    """The value of a key in an example, wherever it stands there; a secret's file for a secret."""
    for each in _mappings(tree):
        if name in each and not isinstance(each[name], dict):
            return code(json.dumps(each[name], ensure_ascii=False).strip('"'))
        if f"{name}_file" in each:
            return code(f"{name}_file: {each[f'{name}_file']}")
        if each.get(name):
            return "above"
    return ""


@cache
def _all_examples() -> list[Any]:
    yaml = YAML(typ="safe", pure=True)
    return [yaml.load(each) for each in EXAMPLES.values()]


def _mappings(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _mappings(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _mappings(each)


def sections() -> Iterator[tuple[str, str, str, list[Key]]]:
    """The sections of config.yaml: title, what it is, its example, its keys."""
    yaml = YAML(typ="safe", pure=True)
    said = sentences(Settings)
    kinds: dict[str, Kind] = {
        "ledger": "ledger",
        "storage": "storage",
        "warehouse": "warehouse",
        "mail": "notifier",
        "sources": "source",
    }
    for name, field in Settings.model_fields.items():
        if name in kinds:
            of = CONNECTORS[kinds[name]]
            for which in of:
                title = f"{name}: {which}" if len(of) > 1 else name
                model = config_class(kinds[name], which)
                tree = yaml.load(EXAMPLES[title])
                named = name == "sources"
                found = keys(
                    model,
                    f"{name}.{'NAME.' if named else ''}",
                    f"WAYBILL_{name.upper()}{'__NAME' if named else ''}",
                    tree,
                )
                kind = Key(
                    f"{name}.{'NAME.' if named else ''}type", "text", "required", "",
                    code(which), "", f"`{which}`.",
                )  # fmt: skip
                yield title, f"{said[name]} {one_line(model.__doc__)}", title, [kind, *found]
            continue
        whole = next(models_of(field.annotation), None)
        tree = yaml.load(EXAMPLES[name])
        if whole is None:
            kind_ = kind_of(field.annotation)
            only = Key(
                name, kind_, _default(field), unit_of(name, kind_), _example(name, tree),
                f"WAYBILL_{name.upper()}", said[name],
            )  # fmt: skip
            yield name, said[name], name, [only]
            continue
        found_ = list(keys(whole, f"{name}.", f"WAYBILL_{name.upper()}", tree))
        yield name, f"{said[name]} {one_line(whole.__doc__)}", name, found_
        if name == "alerts":
            for which in CONNECTORS["destination"]:
                destination = config_class("destination", which)
                inner = list(keys(destination, "alerts.to.NAME.", "WAYBILL_ALERTS__TO__NAME", tree))
                yield f"alerts.to: {which}", one_line(destination.__doc__), "", inner


def settings_page() -> str:
    """The page."""
    blocks = []
    for title, about, example, found in sections():
        shown = f"<!-- run -->\n```yaml\n{EXAMPLES[example].strip()}\n```" if example else ""
        rows = [
            (
                code(each.path) + (f"<br>{code(each.variable)}" if each.variable else ""),
                each.sentence,
                f"{each.kind}<br>{_with_unit(each)}",
                each.example,
            )
            for each in found
        ]
        heads = ("key, and its variable", "what it says", "type, and default", "example")
        blocks.append(section(title, about, shown, table(heads, rows)))
    return page(
        "config.yaml: every key",
        "One file says where things are. Relative paths start where it is. A key that is not"
        " listed here is refused, with its line.",
        "**Secrets** never stand in the file itself: write `${NAME}` for an environment variable, or"
        " name a file (`password_file: /run/secrets/imap`).",
        "**The environment** overrides a key: its variable stands below the key. `NAME` is the name"
        " that you gave, in capitals. `waybill config` prints what is in force, with secrets masked.",
        *blocks,
    )


def _with_unit(key: Key) -> str:
    return f"{key.default}, {key.unit}" if key.unit and key.default != "none" else (
        f"none ({key.unit})" if key.unit else key.default
    )  # fmt: skip
