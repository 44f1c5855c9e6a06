"""Page: what a contract may say that ODCS has no word for, and every key of a dialect."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum

from docs.builder.reference.text import code, page, section, sentences, table
from schemas.dialect import Booleans, Dialect, Field, Numbers
from schemas.odcs.reader import COLUMN_WORDS, TABLE_WORDS

_DRIFT = "`strict` lets them wait, `additive` adds new columns as STRING, `ignore` leaves them out."
_OF_TABLES: Mapping[str, tuple[str, str, str]] = {
    "clusteredBy": ("Up to four columns by which the table is clustered.", "none", "[shop]"),
    "partitionBy": ("HOUR, DAY, MONTH or YEAR.", "DAY", "MONTH"),
    "partitionRange": (
        "The ranges of a partition column of integers.", "none",
        "{start: 0, end: 1000, interval: 10}",
    ),
    "partitionExpirationDays": ("After how many days a partition is removed.", "never", "730"),
    "requirePartitionFilter": (
        "Whether a query must name partitions.", "false", "true",
    ),
    "labels": ("Labels of the table.", "none", "{team: data}"),
    "rejectThreshold": (
        "The share of bad rows above which the whole file is quarantined.", "0.5", "0.1",
    ),
    "dialect": ("How files are written; see below.", "UTF-8, comma, quotes", "{delimiter: ;}"),
    "duplicates": (
        "Which row of a file is kept where a key repeats: first, last or reject.",
        "last of a primary key when merging, else first", "reject",
    ),
    "viewQuery": ("The SQL of a view (`physicalType: view`).", "none", "SELECT 1 AS one"),
    "drift": (f"Files with other columns: {_DRIFT}", "strict", "additive"),
    "window": (
        "From today: the years in which dates of the partition column may lie.",
        "{yearsBack: 10, yearsAhead: 1}", "{yearsBack: 2, yearsAhead: 0}",
    ),
    "mergeLookbackDays": (
        "How many days before the oldest partition of a batch a merge looks for the same key.",
        "everywhere", "30",
    ),
}  # fmt: skip
_OF_COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "headers": ("Further names that the column may have in files.", "none", "[Order no]"),
    "formats": (
        "How dates and times are written: strptime formats, excel, epoch, epoch_ms.", "ISO 8601",
        "['%d/%m/%Y']",
    ),
    "locale": ("The language of month names.", "en", "es"),
    "timezone": ("The zone of times that carry none.", "none", "Europe/Madrid"),
    "pivot": ("The last year of two digits that is of this century.", "68", "40"),
    "nulls": ("The words that stand for no value.", "the dialect's", "[n/a]"),
    "numbers": ("How numbers are written; see below.", "the dialect's", "{decimal: ','}"),
    "booleans": ("The words for true and false.", "the dialect's", "{'true': [sí], 'false': [no]}"),
}  # fmt: skip
_DIALECT = """<!-- run -->
```yaml
customProperties:
  - property: dialect
    value:
      encoding: cp1252
      delimiter: ;
      preamble: 2
      totals: '(?i)total'
      nulls: ['', n/a]
      numbers: {decimal: ',', thousands: .}
      booleans: {'true': [sí], 'false': [no]}
  - {property: rejectThreshold, value: 0.1}
  - {property: drift, value: additive}
```"""


def _words(known: frozenset[str], said: Mapping[str, tuple[str, str, str]]) -> str:
    if missing := known ^ said.keys():
        raise KeyError(f"docs/builder/reference/contracts.py: {', '.join(sorted(missing))}")
    rows = [(code(name), text, code(usual), code(example))
            for name, (text, usual, example) in said.items()]  # fmt: skip
    return table(("property", "what it says", "default", "example"), rows)


def _fields(cls: type) -> str:
    said = sentences(cls)
    rows = []
    for each in dataclasses.fields(cls):
        if each.name not in said:
            raise KeyError(f"{cls.__qualname__}.{each.name} has no sentence")
        rows.append((code(each.name), said[each.name] + _choices(each), _default(each)))
    return table(("key", "what it says", "default"), rows)


def _choices(field: dataclasses.Field[object]) -> str:
    usual = field.default
    if not isinstance(usual, StrEnum):
        return ""
    return f" One of {', '.join(code(each) for each in type(usual))}."


def _default(field: dataclasses.Field[object]) -> str:
    usual = field.default
    if usual is dataclasses.MISSING:
        return "required"
    if isinstance(usual, bool):
        return code(str(usual).lower())
    if isinstance(usual, tuple):
        return code(", ".join(each or "''" for each in map(str, usual))) or "none"
    if isinstance(usual, Numbers | Booleans):
        return "see below"
    return code(usual) or "none"


def contracts_page() -> str:
    """The page."""
    return page(
        "Contracts: dialect and customProperties",
        "A contract is written in the Open Data Contract Standard ([how](../../schemas/README.md))."
        " What that has no word for stands in `customProperties`, of the table or of a column. A"
        " name that is not listed here is refused, unless it begins with `x-`.",
        _DIALECT,
        section("customProperties of a table", _words(TABLE_WORDS, _OF_TABLES)),
        section("customProperties of a column", _words(COLUMN_WORDS, _OF_COLUMNS)),
        section(
            "dialect", "How files are written. [More about it](../formats.md).", _fields(Dialect)
        ),
        section("dialect: numbers", _fields(Numbers)),
        section("dialect: booleans", _fields(Booleans)),
        section("dialect: fields", "Of text of fixed width.", _fields(Field)),
    )
