"""Types of ODCS into BigQuery's, and its date patterns into strptime's."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from open_data_contract_standard.model import SchemaProperty

from schemas.contract import Type
from schemas.odcs.file import Faults, Where

_PHYSICAL = re.compile(r"\s*([A-Za-z0-9]+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")
_ARRAY = re.compile(r"\s*ARRAY\s*<\s*(.+?)\s*>\s*", re.I)
_SYNONYMS = {
    "INTEGER": Type.INT64,
    "INT": Type.INT64,
    "BIGINT": Type.INT64,
    "SMALLINT": Type.INT64,
    "FLOAT": Type.FLOAT64,
    "BOOLEAN": Type.BOOL,
    "DECIMAL": Type.NUMERIC,
    "BIGDECIMAL": Type.BIGNUMERIC,
}
_LOGICAL = {
    "string": {Type.STRING, Type.JSON, Type.BYTES},
    "integer": {Type.INT64, Type.NUMERIC, Type.BIGNUMERIC},
    "number": {Type.NUMERIC, Type.BIGNUMERIC, Type.FLOAT64, Type.INT64},
    "boolean": {Type.BOOL},
    "date": {Type.DATE, Type.DATETIME, Type.TIMESTAMP},
    "timestamp": {Type.TIMESTAMP, Type.DATETIME},
    "time": {Type.TIME},
    "object": {Type.JSON},
    "array": {Type.JSON},
}
LOGICAL_OF: dict[Type, str] = {
    Type.INT64: "integer",
    Type.FLOAT64: "number",
    Type.NUMERIC: "number",
    Type.BIGNUMERIC: "number",
    Type.BOOL: "boolean",
    Type.STRING: "string",
    Type.DATE: "date",
    Type.DATETIME: "timestamp",
    Type.TIMESTAMP: "timestamp",
    Type.TIME: "time",
    Type.JSON: "object",
    Type.BYTES: "string",
}
"""The logicalType that a contract of ours writes for each BigQuery type."""
_DEFAULT = {
    "string": Type.STRING,
    "integer": Type.INT64,
    "number": Type.NUMERIC,
    "boolean": Type.BOOL,
    "date": Type.DATE,
    "timestamp": Type.TIMESTAMP,
    "time": Type.TIME,
    "object": Type.JSON,
    "array": Type.JSON,
}
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_decimal_type
_DIGITS = {Type.NUMERIC: (29, 9), Type.BIGNUMERIC: (38, 38)}

_JAVA = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "LLLL": "%B",
    "LLL": "%b",
    "EEEE": "%A",
    **dict.fromkeys(("EEE", "EE", "E"), "%a"),
    **dict.fromkeys(("MM", "M"), "%m"),
    **dict.fromkeys(("dd", "d"), "%d"),
    **dict.fromkeys(("HH", "H"), "%H"),
    **dict.fromkeys(("hh", "h"), "%I"),
    **dict.fromkeys(("mm", "m"), "%M"),
    **dict.fromkeys(("ss", "s"), "%S"),
    "SSSSSS": "%f",
    "SSS": "%f",
    "a": "%p",
    "XXX": "%z",
    "XX": "%z",
    "Z": "%z",
}


@dataclass(frozen=True, slots=True)
class ParsedType:
    """A BigQuery type with its parameters."""

    type: Type
    precision: int | None = None
    scale: int | None = None
    max_length: int | None = None
    repeated: bool = False


def parse_type(each: SchemaProperty, at: Where, faults: Faults) -> ParsedType | None:
    """The column's BigQuery type; None, and a fault noted, if it has none."""
    if each.physicalType is None:
        if each.logicalType not in _DEFAULT:
            faults.add(at, "physicalType is missing: name a BigQuery type, such as STRING")
            return None
        return ParsedType(_DEFAULT[each.logicalType])
    array = _ARRAY.fullmatch(each.physicalType)
    if array is not None:
        return _array(each, array[1], at, faults)
    match = _PHYSICAL.fullmatch(each.physicalType)
    word = match[1].upper() if match else each.physicalType
    kind = _SYNONYMS.get(word) or (Type(word) if word in list(Type) else None)
    if match is None or kind is None:
        faults.unknown((*at, "physicalType"), word, [*Type, *_SYNONYMS])
        return None
    if each.logicalType and kind not in _LOGICAL.get(each.logicalType, set(Type)):
        faults.add((*at, "physicalType"), f"{kind} does not fit the logicalType {each.logicalType}")
    first = int(match[2]) if match[2] else None
    second = int(match[3]) if match[3] else None
    return _with_parameters(kind, first, second, (*at, "physicalType"), faults)


def _array(each: SchemaProperty, inner: str, at: Where, faults: Faults) -> ParsedType | None:
    """The type of an array's elements, which are scalars."""
    where = (*at, "physicalType")
    if each.required or each.unique or each.primaryKey or each.partitioned:
        faults.add(where, "an array is neither required, unique, a key nor partitioned by")
    found = parse_type(
        each.model_copy(update={"physicalType": inner, "logicalType": None}), at, faults
    )
    if found is None or found.repeated or found.type is Type.JSON:
        faults.add(where, "an array holds scalars, such as ARRAY<STRING> or ARRAY<INT64>")
        return None
    return replace(found, repeated=True)


def _with_parameters(
    kind: Type, first: int | None, second: int | None, at: Where, faults: Faults
) -> ParsedType:
    if first is None:
        return ParsedType(kind)
    if kind in (Type.STRING, Type.BYTES) and second is None and first > 0:
        return ParsedType(kind, max_length=first)
    if kind not in _DIGITS:
        faults.add(at, f"{kind} takes no such parameters")
        return ParsedType(kind)
    whole, most = _DIGITS[kind]
    scale = second or 0
    if scale > most or not max(1, scale) <= first <= whole + scale:
        faults.add(
            at,
            f"{kind}({first},{scale}): BigQuery allows up to {most} digits after"
            f" and {whole} before the point",
        )
        return ParsedType(kind)
    return ParsedType(kind, precision=first, scale=scale)


def java_to_strptime(pattern: str) -> str:
    """A JDK DateTimeFormatter pattern (ODCS's `format`) as a strptime format.

    Raises ValueError for letters that have no counterpart.
    """
    out = []
    for run in re.finditer(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+", pattern):
        text = run[0]
        if run[1] is not None:
            out.append(run[1].replace("%", "%%") or "'")
        elif not text[0].isalpha():
            out.append(text.replace("%", "%%"))
        elif text in _JAVA:
            out.append(_JAVA[text])
        else:
            raise ValueError(f'"{text}" in "{pattern}" is not read; use yyyy MM dd HH mm ss')
    return "".join(out)
