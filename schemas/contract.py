"""A contract: what a table is, and what a file must be to get into it. Pure; reads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from schemas.dialect import Booleans, Dialect, Numbers
from schemas.sla import Sla


class Type(StrEnum):
    """The scalar types that a file can hold; `Capabilities.types` says which a warehouse has."""

    INT64 = "INT64"
    FLOAT64 = "FLOAT64"
    NUMERIC = "NUMERIC"
    BIGNUMERIC = "BIGNUMERIC"
    BOOL = "BOOL"
    STRING = "STRING"
    DATE = "DATE"
    DATETIME = "DATETIME"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"
    BYTES = "BYTES"


class Granularity(StrEnum):
    """How wide a time partition is."""

    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the table.

    `precision` and `scale` belong to NUMERIC and BIGNUMERIC (digits in all, digits after the
    point); `max_length` to STRING. `headers` are further names the column may have in a file.
    `derived` columns come from the feed's transform and are not expected in a file. `formats` are
    strptime formats for dates and times, or `excel`, `epoch` and `epoch_ms`; none means ISO 8601.
    `locale` is the language of month names, `timezone` the zone of times that carry none. Years of
    two digits up to `pivot` are of this century, later ones of the last (POSIX: 68).
    `nulls`, `numbers` and `booleans` are the dialect's unless the column has its own. A `repeated`
    column is an array of its type. `classification` says who may see its values: everybody where it
    is `public` or not given.
    """

    name: str
    type: Type
    required: bool = False
    unique: bool = False
    description: str | None = None
    precision: int | None = None
    scale: int | None = None
    max_length: int | None = None
    headers: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    locale: str = "en"
    timezone: str | None = None
    pivot: int | None = None
    nulls: tuple[str, ...] | None = None
    numbers: Numbers | None = None
    booleans: Booleans | None = None
    derived: bool = False
    repeated: bool = False
    classification: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether everybody who may see the feed may see its values."""
        return (self.classification or "public").strip().casefold() == "public"

    @property
    def travels_as_text(self) -> bool:
        """Whether its values stay text until the warehouse makes them what they are: JSON, arrays
        as JSON of texts, bytes as base64."""
        return self.repeated or self.type in (Type.JSON, Type.BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimePartition:
    """Partitions by a DATE, DATETIME or TIMESTAMP column."""

    column: str
    granularity: Granularity = Granularity.DAY
    expiration_days: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RangePartition:
    """Partitions by an INT64 column: `start` included, `end` excluded, `interval` wide."""

    column: str
    start: int
    end: int
    interval: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """One Great Expectations expectation in GX's own words: its type and keyword arguments.

    Types that begin with `odcs_` are rules of the standard that GX has no expectation for.
    `column` is None for a rule about the table as a whole. `severity` `warning` reports only;
    `error` rejects the row, or quarantines the file when no single row is to blame. `place` is
    where it stands, by file, line and path.
    """

    type: str
    kwargs: Mapping[str, Any]
    column: str | None = None
    severity: str = "error"
    description: str | None = None
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FromNow:
    """A bound that moves: so far from the moment at which a file is checked."""

    delta: timedelta


class DriftPolicy(StrEnum):
    """What happens to a file whose columns are not quite the contract's."""

    STRICT = "strict"
    ADDITIVE = "additive"
    IGNORE = "ignore"


class Duplicates(StrEnum):
    """Which of the rows of one file that share a key is kept; `reject` keeps none of them."""

    FIRST = "first"
    LAST = "last"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """How far from today a partition date may lie, in years, before it is taken for a typo."""

    years_back: int = 10
    years_ahead: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A view that `waybill apply` keeps: its name in the dataset and its query."""

    dataset: str | None
    name: str
    query: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """A table and the rules for files that feed it.

    `version` changes whenever the text of the contract does. `dataset` None means the warehouse's
    default. `reject_threshold` is the share of rows (0 to 1) above which the whole file is
    quarantined. `window` bounds the dates of the partition column. `duplicates` says which rows of
    a file that share a key are kept; None keeps the last one of a primary key where rows are
    merged, as merging over several files does, and the first one of a unique column.
    `lookback_days` bounds how far back a merge looks for the rows it replaces, in days before the
    oldest partition that a batch brings; None looks everywhere. `declares_key`: the table says
    what its primary key is, which is only true where rows are merged by it.
    """

    name: str
    version: str
    table: str
    columns: tuple[Column, ...]
    dataset: str | None = None
    description: str | None = None
    primary_key: tuple[str, ...] = ()
    partition: TimePartition | RangePartition | None = None
    require_partition_filter: bool = False
    clustering: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    reject_threshold: float = 0.5
    drift: DriftPolicy = DriftPolicy.STRICT
    duplicates: Duplicates | None = None
    window: Window = Window()
    lookback_days: int | None = None
    declares_key: bool = True
    sla: Sla = field(default_factory=Sla)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns a file must bring, in the contract's order."""
        return tuple(column for column in self.columns if not column.derived)

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


LINEAGE: tuple[Column, ...] = (
    Column(name="_etl_file", type=Type.STRING, required=True, description="File id of the row."),
    Column(name="_etl_row", type=Type.INT64, required=True, description="Line in that file."),
    Column(name="_etl_batch", type=Type.STRING, required=True, description="Batch that loaded it."),
    Column(
        name="_etl_loaded_at",
        type=Type.TIMESTAMP,
        required=True,
        description="When its batch was committed.",
    ),
)
"""The lineage columns that every table carries after its own."""


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED = ("_etl_", "_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colident")
_RESERVED_NAMES = {"_change_type", "_change_sequence_number", "_change_timestamp"}


def can_be_named(name: str) -> bool:
    """Whether a table can have a column of that name."""
    lower = name.lower()
    is_free = not lower.startswith(_RESERVED) and lower not in _RESERVED_NAMES
    return bool(_NAME.fullmatch(name)) and is_free
