"""JSON: an object a line (https://jsonlines.org/), an array of objects, or one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, BinaryIO

from pipelines.parse.chunk import Chunk
from pipelines.parse.header import too_wide
from pipelines.parse.json_values import json_values
from pipelines.parse.rows import ROWS, Row, gathered
from schemas.dialect import Dialect
from schemas.errors import DataError
from schemas.language import translate
from schemas.limits import MAX_COLUMNS
from schemas.reject import Problem, RejectedRow

_FIRST = 16 * 1024 * 1024


_WORDS = (
    ("a key comes twice", "a key comes twice"),
    ("Extra data", "something follows its closing bracket"),
    ("Unterminated string", "a text in it is never closed"),
    ("control character", "a text in it has a line end or a control character"),
    ("escape", "a text in it has an escape that JSON does not know"),
)
_OTHER = "its brackets, commas and quotes are not those of JSON"
"""What Python says of JSON, in words of ours."""


class _Number(str):
    """A number as its digits stand in the file."""

    __slots__ = ()


def read_jsonl(
    stream: BinaryIO,
    dialect: Dialect,
    columns: Sequence[str],
    *,
    is_cut: bool = False,
) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    """The names and rows of JSON. The names are the contract's columns that are found, and
    every other key of the first lines; a later line with a key of its own is rejected.

    Numbers keep their digits, objects and lists come as JSON text, a missing key is null. Raises
    DataError for an empty file and as `json_values` does, of which `is_cut` is too.
    """
    lines = json_values(stream, is_cut=is_cut)
    first = _first(lines)
    if not first:
        raise DataError("the file is empty", hint="send it with its rows")
    seen: dict[str, None] = {}
    for _, text in first:
        seen.update(dict.fromkeys(_parsed(text)[0] or ()))
    names = (
        *(name for name in columns if name in seen),
        *(name for name in seen if name not in columns),
    )
    if len(names) > MAX_COLUMNS:
        raise too_wide(len(names))
    known = frozenset(names)
    rows = (_row(line, text, names, known) for line, text in chain(first, lines))
    return names, gathered(rows, names, dialect)


def cells_of(line: str) -> dict[str, str | None]:
    """The keys and cells of one line; nothing if it is not a JSON object."""
    return _parsed(line.encode("utf-8", "replace"))[0] or {}


def _first(lines: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The lines whose keys are the columns: some thousands, fewer if they are long."""
    found: list[tuple[int, bytes]] = []
    size = 0
    for line, text in islice(lines, ROWS):
        found.append((line, text))
        size += len(text)
        if size > _FIRST:
            break
    return found


def _row(line: int, text: bytes, names: Sequence[str], known: frozenset[str]) -> Row:
    if not text.strip():
        return None
    found, fault = _parsed(text)
    if found is not None:
        strange = [key for key in found if key not in known]
        if not strange:
            return line, [found.get(name) for name in names]
        fault = translate("the line has a key that no line had before: {key}", key=strange[0])
    else:
        fault = translate(fault)
    message = translate("the line is not a JSON object: {fault}", fault=fault)
    problem = Problem(line=line, column=None, value=None, rule="unreadable", message=message)
    raw = text.decode("utf-8", "replace").rstrip("\r\n")
    return RejectedRow(line=line, raw=raw, problems=(problem,))


def _parsed(text: bytes) -> tuple[dict[str, str | None] | None, str]:
    """The line's keys and cells, or why it has none."""
    try:
        found = json.loads(
            text,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
            object_pairs_hook=_once,
        )
        if not isinstance(found, dict):
            return None, "it has no keys"
        cells = {key: _cell(value) for key, value in found.items()}
        # Half of a surrogate pair can be escaped in JSON, and is no text.
        for part in (*cells, *cells.values()):
            (part or "").encode()
    except RecursionError:
        return None, "it is nested too deeply"
    except UnicodeEncodeError:
        return None, "it has an escape that is no character"
    except UnicodeDecodeError:
        return None, "it has bytes that are not UTF-8"
    except ValueError as error:
        told = str(error)
        return None, next((words for part, words in _WORDS if part in told), _OTHER)
    return cells, ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """JSON text of a value, its numbers' digits untouched."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{_json(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
