"""The file config.yaml: read with the lines of its keys, variables put in, secrets refused."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from schemas.plain_yaml import read_plain_yaml

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


_PASSWORD_IN_URL = re.compile(r"(://[^:/@]*:)[^@/]+(@)")


class ConfigFile:
    """A YAML file whose keys know their lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise ConfigError(
                f"{path} does not exist", hint="name the file with --config or WAYBILL_CONFIG"
            )

    @cached_property
    def tree(self) -> Any:
        """The file's mapping, as ruamel reads it (with positions)."""
        return read_plain_yaml(self.path, ConfigError)

    def fault(self, keys: tuple[str | int, ...], what: str) -> str:
        """`config.yaml:12: sources.drop.bucket: Field required`."""
        line, node = None, self.tree
        for key in keys:
            if isinstance(node, Mapping) and key in node:
                line, node = node.lc.key(key)[0] + 1, node[key]  # type: ignore[attr-defined]
        dotted = ".".join(str(key) for key in keys if key != "config")
        return f"{self.path}{f':{line}' if line else ''}: {dotted}: {what}"


def expanded(file: ConfigFile, node: Any, keys: tuple[str | int, ...] = ()) -> Any:
    """The tree with every `${NAME}` replaced by the environment's value."""
    if isinstance(node, Mapping):
        return {str(key): expanded(file, each, (*keys, key)) for key, each in node.items()}
    if isinstance(node, list):
        return [expanded(file, each, (*keys, index)) for index, each in enumerate(node)]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"], match["default"])
        if found is None:
            raise ConfigError(
                file.fault(keys, f"the environment variable {match['name']} is not set"),
                hint=f"export {match['name']}=…, or write ${{{match['name']}:-default}}",
            )
        return found

    return _VARIABLE.sub(value, str(node))


def refuse_plain_secrets(file: ConfigFile, node: Any, keys: tuple[str, ...] = ()) -> None:
    """Refuse a secret that stands in the YAML itself."""
    for key, each in node.items():
        if isinstance(each, Mapping):
            refuse_plain_secrets(file, each, (*keys, key))
        elif isinstance(each, str) and "${" not in each:
            secret = re.search(r"(password|secret|token|webhook)", str(key)) and not re.search(
                r"(_file|token_url|_scope)$", str(key)
            )
            if secret or _PASSWORD_IN_URL.search(each):
                raise ConfigError(
                    file.fault((*keys, key), "a secret must not stand in this file"),
                    hint=f"write {key}: ${{NAME}} and set NAME in the environment,"
                    f" or {key}_file: /path/to/secret",
                )
