"""Editing a contract's text: one column changed or added, everything else left as it stands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

from schemas.drift import ContractChange
from schemas.errors import ContractError
from schemas.odcs.types import LOGICAL_OF


def edited(text: str, change: ContractChange) -> str:
    """The contract's text with the change made; comments, quotes and order stay.

    Making a change that is made already returns the text as it is. Raises ContractError for a text
    that is not a contract's.
    """
    plain = text.replace("\r\n", "\n")
    try:
        yaml = _yaml(plain)
        tree = yaml.load(plain)
        properties = tree["schema"][0]["properties"]
    except (YAMLError, KeyError, IndexError, TypeError) as error:
        raise ContractError("the contract has no schema with properties") from error
    found = next((each for each in properties if _name(each) == change.column), None)
    before = yaml_text(yaml, tree)
    if found is None:
        properties.append(_new(change))
    else:
        _change(found, change)
    after = yaml_text(yaml, tree)
    if after == before:
        return text
    return after.replace("\n", "\r\n") if plain != text else after


def fragment(change: ContractChange) -> str:
    """What the change adds or sets, as YAML."""
    made = CommentedMap(name=change.column)
    _change(made, change)
    if change.required is not None:
        made["required"] = change.required
    yaml = YAML(typ="rt")
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml_text(yaml, [made])


def _new(change: ContractChange) -> CommentedMap:
    """The property of a column that the contract does not have yet."""
    if change.type is None:
        raise ContractError(f"the contract has no column {change.column}")
    made = CommentedMap(name=change.column)
    _change(made, change)
    return made


def yaml_text(yaml: YAML, tree: object) -> str:
    """The tree as text."""
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _change(each: CommentedMap, change: ContractChange) -> None:
    if change.type is not None and _type(each) != change.type:
        each["logicalType"] = LOGICAL_OF[change.type]
        each["physicalType"] = str(change.type)
    if change.required is not None and bool(each.get("required", False)) != change.required:
        each["required"] = change.required
    _extend(each, "headers", change.headers)
    _extend(each, "formats", change.formats)


def _extend(each: CommentedMap, word: str, values: Sequence[str]) -> None:
    """Add values to a list among the property's customProperties."""
    if not values:
        return
    custom = each.setdefault("customProperties", CommentedSeq())
    entry = next((one for one in custom if one.get("property") == word), None)
    if entry is None:
        entry = CommentedMap(property=word, value=_flow())
        custom.append(entry)
    if not isinstance(entry["value"], list):
        entry["value"] = _flow([entry["value"]])
    entry["value"].extend(value for value in values if value not in entry["value"])


def _flow(values: Sequence[Any] = ()) -> CommentedSeq:
    made = CommentedSeq(values)
    made.fa.set_flow_style()
    return made


def _type(each: CommentedMap) -> str:
    return str(each.get("physicalType", "")).upper()


def _name(each: Any) -> str:
    return str(each.get("physicalName") or each.get("name") or "")


def _yaml(text: str) -> YAML:
    """A round trip that keeps the text's own indents, quotes and long lines."""
    _, indent, offset = load_yaml_guess_indent(text)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 10_000
    sequence = indent if indent is not None else 2
    yaml.indent(mapping=2, sequence=sequence, offset=offset or 0)
    return yaml
