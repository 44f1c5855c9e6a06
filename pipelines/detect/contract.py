"""A contract proposed from what was detected: ODCS YAML with the evidence in comments."""

from __future__ import annotations

import io
import textwrap
import uuid
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipelines.detect.found import Detected, FoundColumn
from pipelines.detect.table import key_candidates, partition_candidate
from schemas.contract import Window
from schemas.dialect import Dialect, Format, Numbers
from schemas.language import printable
from schemas.odcs.types import LOGICAL_OF

_ENOUGH_ROWS = 20
"""A column is proposed as required when so many rows had it filled."""
_MANY_DAYS = 1500
_UNSURE = 0.75
_COLUMN = 6


def propose(detected: Detected, name: str, origin: str, today: date) -> str:
    """The YAML of a contract `name` for files like the one detected; `origin` is its name."""
    table = CommentedMap(name=name, physicalName=name, physicalType="table")
    table["customProperties"] = CommentedSeq([_dialect_property(detected)])
    part = _partition(detected, table, today)
    properties = CommentedSeq()
    table["properties"] = properties
    for at, column in enumerate(detected.columns):
        properties.append(_column(column, detected))
        properties.yaml_set_comment_before_after_key(
            at, before=_wrapped(column.evidence), indent=_COLUMN
        )
    if part is not None:
        _mark_partition(properties, part, today)
    document = CommentedMap(
        apiVersion="v3.1.0",
        kind="DataContract",
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"waybill:{name}")),
        name=name,
        version="1.0.0",
        status="draft",
        schema=CommentedSeq([table]),
    )
    document.yaml_set_start_comment(_opening(detected, origin))
    return _dumped(document)


def _opening(detected: Detected, origin: str) -> str:
    """What stands above the contract: where it is from, and what to ask."""
    part = "all there are" if detected.complete else "its beginning, middle and end"
    lines = [
        f"Proposed by `waybill infer` from {origin}: {detected.rows:,} rows were read, {part}.",
        "It is a guess from one file. Read it, correct it, describe table and columns.",
    ]
    lines += _doubts(detected)
    keys = key_candidates(detected.columns)
    if keys:
        lines.append(
            f"To replace rows that come again, set primaryKey: true; {keys[0].name} had no value"
            " twice."
        )
    return "\n".join(map(_wrapped, lines))


def _doubts(detected: Detected) -> list[str]:
    """What is not sure, of which only what could load wrong values stands here: what is to be asked
    first, then the least sure. The rest is said beside its key."""
    told = [
        ("ASK" in each.evidence, each.confidence, f"{each.what} {each.value}: {each.evidence}")
        for each in detected.findings
        if each.confidence < _UNSURE
        and each.what not in _HARMLESS
        and not (each.what == "quote" and each.evidence == "no cell is in quotes yet")
    ]
    told += [
        (True, each.confidence, f"column {each.name}, {each.type}: {each.evidence}")
        for each in detected.columns
        if "ASK" in each.evidence
    ]
    told.sort(key=lambda each: (not each[0], each[1]))
    return [f"Not sure ({sure:.0%}): {words}" for _, sure, words in told]


_HARMLESS = frozenset(["key", "partition", "line ends", "ragged rows"])
"""What a person may choose, or what is rejected by name: no wrong value comes of it."""


def _dialect_property(detected: Detected) -> CommentedMap:
    dialect = detected.dialect
    value = _dialect_value(dialect)
    for each in detected.findings:
        key = _KEYS.get(each.what)
        if key in value:
            value.yaml_add_eol_comment(
                printable(f"{each.confidence:.0%} sure: {each.evidence}"), key, column=0
            )
    ragged = next((each for each in detected.findings if each.what == "ragged rows"), None)
    if ragged is not None:
        words = (
            f"{ragged.value} rows have too few or too many cells; each is rejected.\n"
            "`ragged: pad` fills short rows with nulls and `extra: keep` cuts long ones: only if\n"
            "it is always the last cells that are missing or too many."
        )
        value.yaml_set_comment_before_after_key(next(iter(value)), before=words, indent=10)
    entry = CommentedMap(property="dialect")
    entry["value"] = value
    return entry


_KEYS = {
    "encoding": "encoding",
    "delimiter": "delimiter",
    "quote": "quote",
    "escape": "escape",
    "aligned": "skip_initial_space",
    "line ends": "line_end",
    "preamble": "preamble",
    "header": "header",
    "footer": "footer",
    "totals": "totals",
    "comments": "comment",
    "trailing delimiter": "trailing_delimiter",
    "numbers": "numbers",
    "sheet": "sheet",
    "fixed width": "fields",
    "short lines": "ragged",
}


def _dialect_value(dialect: Dialect) -> CommentedMap:
    """Encoding, delimiter and quote always; the rest where it is not the default."""
    is_fixed = dialect.format is Format.FIXED
    plain, usual = asdict(dialect), asdict(Dialect(header=0 if is_fixed else 1))
    value = CommentedMap()
    always = {
        Format.DELIMITED: ("encoding", "delimiter", "quote"), Format.FIXED: ("encoding",),
    }.get(dialect.format, ())  # fmt: skip
    for field in fields(Dialect):
        key = field.name
        if key in always or plain[key] != usual[key]:
            value[key] = _plain(plain[key], usual[key])
    if dialect.fields:
        value["fields"] = CommentedMap(
            {each.column: _plain({"start": each.start, "width": each.width})
             for each in dialect.fields}
        )  # fmt: skip
    return value


def _plain(value: Any, usual: Any = None) -> Any:
    """A value for YAML: lists in one line, and of a mapping what is not the default."""
    if isinstance(value, dict):
        kept = CommentedMap(
            {key: _plain(each) for key, each in value.items() if each != (usual or {}).get(key)}
        )
        kept.fa.set_flow_style()
        return kept
    if isinstance(value, tuple | list):
        listed = CommentedSeq(value)
        listed.fa.set_flow_style()
        return listed
    return str(value) if isinstance(value, str) else value


def _column(column: FoundColumn, detected: Detected) -> CommentedMap:
    found = CommentedMap(
        name=column.name,
        logicalType=LOGICAL_OF[column.type],
        physicalType=str(column.type),
    )
    if column.empty == 0 and column.seen >= _ENOUGH_ROWS:
        found["required"] = True
    own: dict[str, Any] = {}
    if column.header.casefold() != column.name.casefold() and (
        detected.dialect.header
        and not detected.dialect.header_cells
        and not detected.dialect.fields
    ):
        own["headers"] = (column.header,)
    if column.own_nulls is not None:
        own["nulls"] = column.own_nulls
    if column.formats:
        own["formats"] = column.formats
    if column.pivot is not None:
        own["pivot"] = column.pivot
    if column.locale != "en":
        own["locale"] = column.locale
    if column.numbers is not None:
        own["numbers"] = asdict(column.numbers)
    if column.booleans is not None:
        own["booleans"] = asdict(column.booleans)
    if own:
        usual = {"numbers": asdict(Numbers())}
        found["customProperties"] = [
            CommentedMap(property=key, value=_plain(value, usual.get(key)))
            for key, value in own.items()
        ]
    return found


def _partition(detected: Detected, table: CommentedMap, today: date) -> FoundColumn | None:
    """The column to partition by, if there is a clear one."""
    part = partition_candidate(detected.columns)
    if part is not None and part.days > _MANY_DAYS and _inside(part, today):
        table["customProperties"].append(CommentedMap(property="partitionBy", value="MONTH"))
    return part


def _inside(column: FoundColumn, today: date) -> bool:
    """Whether all its days are inside the window that contracts allow by default."""
    window = Window()
    first, last = int(column.first[:4]), int(column.last[:4])
    return first >= today.year - window.years_back + 1 and last <= today.year


def _mark_partition(properties: CommentedSeq, part: FoundColumn, today: date) -> None:
    at = next(at for at, each in enumerate(properties) if each["name"] == part.name)
    words = f"days from {part.first} to {part.last}"
    if _inside(part, today):
        properties[at].insert(3, "partitioned", True, comment=f"{words}; tables keep their choice")
        return
    properties[at].yaml_add_eol_comment(
        f"partitioned: true? {words}; see `window`", "physicalType", column=0
    )


def _dumped(document: CommentedMap) -> str:
    yaml = YAML(typ="rt")
    yaml.width = 100
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _wrapped(text: str) -> str:
    """Printable text in lines that fit a screen."""
    return "\n".join(textwrap.wrap(printable(text), 86))
