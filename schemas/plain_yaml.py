"""Plain YAML: a file that people write, read with the lines of its keys, without YAML's traps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from schemas.errors import FatalError

_LARGEST = 1024 * 1024
_DEEPEST = 50


def read_plain_yaml(path: Path, error: type[FatalError], data: bytes | None = None) -> Any:
    """The tree of a YAML file, as ruamel reads it (with positions). If `data` is given, it is
    that, and the path is only its name.

    Raises an `error` that names the file, and the line where there is one, for what is no YAML, is
    larger or deeper than people write, or has tags or aliases, by which a few lines become
    objects or gigabytes.
    """
    if data is None:
        data = read_small(path, error)
    if len(data) > _LARGEST:
        raise error(_too_large(path))
    try:
        text = data.decode("utf-8")
        depth = 0
        for event in YAML(typ="rt").parse(text):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if isinstance(event, AliasEvent):
                line = event.start_mark.line + 1
                raise error(f"{path}:{line}: YAML aliases are not read here")
            if getattr(event, "tag", None):
                line = event.start_mark.line + 1
                raise error(f"{path}:{line}: YAML tags are not read here")
            if depth > _DEEPEST:
                raise error(f"{path} is nested too deeply")
        tree = YAML(typ="rt").load(text)
    except YAMLError as wrong:
        raise error(f"{path} is not YAML: {wrong}") from wrong
    except UnicodeDecodeError as wrong:
        raise error(f"{path} cannot be read: {wrong}") from wrong
    if not isinstance(tree, Mapping):
        raise error(f"{path}: a mapping of keys is expected")
    return tree


def read_small(path: Path, error: type[FatalError]) -> bytes:
    """The bytes of a file that people write; raises an `error` for one that is larger, or cannot be
    read."""
    try:
        if path.stat().st_size > _LARGEST:
            raise error(_too_large(path))
        return path.read_bytes()
    except OSError as wrong:
        raise error(f"{path} cannot be read: {wrong}") from wrong


def _too_large(path: Path) -> str:
    return f"{path} is larger than such a file ever is (1 MB)"
