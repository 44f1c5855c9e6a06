"""Reading contracts: ODCS v3.1 YAML into `Contract` and `View` records.

https://bitol-io.github.io/open-data-contract-standard/v3.1.0/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import (
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)

from schemas.contract import (
    Column,
    Contract,
    DriftPolicy,
    Expectation,
    View,
    can_be_named,
)
from schemas.dialect import Dialect
from schemas.errors import ContractError
from schemas.odcs.dialect import read_booleans, read_dialect, read_numbers
from schemas.odcs.file import Faults, OdcsFile, Where
from schemas.odcs.fixed import dialect_place, read_fixed
from schemas.odcs.formats import read_duplicates, read_formats, read_nulls, read_window
from schemas.odcs.partition import name_of, read_partition
from schemas.odcs.quality import column_rules, object_rules
from schemas.odcs.sla import read_sla
from schemas.odcs.table import (
    check_description,
    read_clustering,
    read_key,
    read_labels,
    read_lookback,
)
from schemas.odcs.types import parse_type
from schemas.plain_yaml import read_small

SUFFIX = ".odcs.yaml"
TABLE_WORDS = frozenset(
    [
        "clusteredBy",
        "partitionBy",
        "partitionRange",
        "partitionExpirationDays",
        "requirePartitionFilter",
        "labels",
        "rejectThreshold",
        "dialect",
        "duplicates",
        "viewQuery",
        "drift",
        "window",
        "mergeLookbackDays",
    ]
)
COLUMN_WORDS = frozenset(
    {"headers", "formats", "locale", "timezone", "pivot", "nulls", "numbers", "booleans"}
)


def read_contract(path: Path, data: bytes | None = None) -> Contract | View:
    """The contract, or the view, that one ODCS file describes (or `data` under its name); raises
    ContractError."""
    data = read_small(path, ContractError) if data is None else data
    file = OdcsFile(path, data)
    document = OpenDataContractStandard(**file.checked())
    faults = file.faults
    objects = document.schema_ or []
    if len(objects) != 1:
        faults.add(("schema",), f"holds {len(objects)} objects; one table a file is needed")
        faults.raise_any()
    (table,) = objects
    where: Where = ("schema", 0)
    if table.name != path.name.removesuffix(SUFFIX):
        faults.add((*where, "name"), f'"{table.name}" must be the file\'s name without {SUFFIX}')
    words = _words(table.customProperties, TABLE_WORDS, where, faults)
    dataset, name = _place(table, where, faults)
    description = table.description
    check_description(description, (*where, "description"), faults, of_column=False)
    if table.physicalType == "view":
        query = words.get("viewQuery")
        if not isinstance(query, str):
            faults.add(where, "a view needs the customProperty viewQuery")
        faults.raise_any()
        return View(dataset=dataset, name=name, query=str(query), description=description)
    contract = _contract(table, words, where, faults)
    measured = _measured(table, dataset, name, contract["partition"])
    sla = read_sla(document.slaProperties, document.slaDefaultElement, measured, faults)
    faults.raise_any()
    version = hashlib.sha256(data).hexdigest()[:12]
    return Contract(
        name=str(table.name),
        version=version,
        table=name,
        dataset=dataset,
        description=description,
        sla=sla,
        **contract,
    )


def _contract(
    table: SchemaObject, words: dict[str, Any], where: Where, faults: Faults
) -> dict[str, Any]:
    """The contract's fields, as far as they are right; the faults say what is not."""
    properties = table.properties or []
    columns = []
    expectations: list[Expectation] = []
    seen: set[str] = set()
    for index, each in enumerate(properties):
        at = (*where, "properties", index)
        column = _column(each, at, faults)
        if column is None:
            continue
        if column.name.casefold() in seen:
            faults.add((*at, "name"), f'"{column.name}" comes twice')
        seen.add(column.name.casefold())
        columns.append(column)
        expectations += column_rules(each, column, at, faults)
    expectations += object_rules(table.quality or [], columns, where, faults)
    keys = [each for each in properties if each.primaryKey]
    keys.sort(key=lambda each: each.primaryKeyPosition or 0)
    return {
        "columns": tuple(columns),
        "primary_key": read_key([name_of(each) for each in keys], columns, where, faults),
        "partition": read_partition(properties, columns, words, where, faults),
        "require_partition_filter": bool(words.get("requirePartitionFilter", False)),
        "clustering": read_clustering(words.get("clusteredBy", []), columns, where, faults),
        "labels": read_labels(words.get("labels", {}), where, faults),
        "expectations": tuple(expectations),
        "dialect": _dialect(table, words.get("dialect", {}), columns, where, faults),
        "duplicates": read_duplicates(words.get("duplicates"), where, faults),
        "lookback_days": read_lookback(words.get("mergeLookbackDays"), where, faults),
        "window": read_window(words.get("window"), where, faults),
        "reject_threshold": _threshold(words.get("rejectThreshold", 0.5), where, faults),
        "drift": _drift(words.get("drift", DriftPolicy.STRICT), where, faults),
    }


def _dialect(
    table: SchemaObject, given: Any, columns: Sequence[Column], where: Where, faults: Faults
) -> Dialect:
    place = dialect_place(table.customProperties, where)
    return read_fixed(read_dialect(given, where, faults), given, columns, place, faults)


def _column(each: SchemaProperty, at: Where, faults: Faults) -> Column | None:
    name = name_of(each)
    if not can_be_named(name):
        faults.add((*at, "name"), f'"{name}" cannot be a column\'s name in BigQuery')
        return None
    parsed = parse_type(each, at, faults)
    if parsed is None:
        return None
    check_description(each.description, (*at, "description"), faults, of_column=True)
    words = _words(each.customProperties, COLUMN_WORDS, at, faults)
    return Column(
        name=name,
        type=parsed.type,
        required=bool(each.required or each.primaryKey),
        unique=bool(each.unique),
        description=each.description,
        precision=parsed.precision,
        scale=parsed.scale,
        max_length=parsed.max_length,
        repeated=parsed.repeated,
        headers=tuple(str(header) for header in words.get("headers", [])),
        formats=read_formats(words, each.logicalTypeOptions or {}, parsed.type, at, faults),
        locale=_locale(words.get("locale", "en"), at, faults),
        timezone=_timezone(words.get("timezone"), at, faults),
        pivot=_pivot(words.get("pivot"), at, faults),
        nulls=read_nulls(words.get("nulls"), at, faults),
        numbers=read_numbers(words["numbers"], at, faults) if "numbers" in words else None,
        booleans=read_booleans(words["booleans"], at, faults) if "booleans" in words else None,
        derived=each.transformLogic is not None,
        classification=each.classification,
    )


def _locale(given: Any, at: Where, faults: Faults) -> str:
    """A language whose month names are known."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(str(given)))
    except (UnknownLocaleError, ValueError):
        faults.add(at, f'locale "{given}" is not known; write en, es, fr, pt_BR')
        return "en"


def _timezone(given: Any, at: Where, faults: Faults) -> str | None:
    """A time zone of the IANA database."""
    from zoneinfo import ZoneInfo

    if given is None:
        return None
    try:
        return ZoneInfo(str(given)).key
    except (KeyError, ValueError, OSError):
        faults.add(at, f'timezone "{given}" is not known; write UTC or Europe/Madrid')
        return None


def _pivot(given: Any, at: Where, faults: Faults) -> int | None:
    """The last year of two digits that is of this century."""
    if given is None or (
        isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 99
    ):
        return given
    faults.add(at, "pivot is the last two-digit year of this century, 0 to 99")
    return None


def _place(table: SchemaObject, where: Where, faults: Faults) -> tuple[str | None, str]:
    """Dataset and table of `physicalName`."""
    dataset, _, name = str(table.physicalName or table.name).rpartition(".")
    for part in filter(None, (dataset, name)):
        if not re.fullmatch(r"[A-Za-z0-9_]{1,1024}", part):
            faults.add(
                (*where, "physicalName"),
                f'"{part}" may hold letters, digits and underscores; write table or dataset.table',
            )
    return dataset or None, name


def _measured(
    table: SchemaObject, dataset: str | None, name: str, partition: Any
) -> tuple[str, ...]:
    """What a service level can be about, the plainest first: the table, or its partitions."""
    tables = [str(table.name), name, *([f"{dataset}.{name}"] if dataset else [])]
    columns = [
        column
        for each in table.properties or []
        if partition is not None and name_of(each) == partition.column
        for column in (each.name, each.physicalName)
        if column
    ]
    return (*tables, *(f"{of}.{column}" for of in tables for column in columns))


def _threshold(given: Any, where: Where, faults: Faults) -> float:
    if not isinstance(given, int | float) or not 0 <= given <= 1:
        faults.add(where, "rejectThreshold is a share of rows between 0 and 1")
        return 0.5
    return float(given)


def _drift(given: Any, where: Where, faults: Faults) -> DriftPolicy:
    if given not in list(DriftPolicy):
        faults.add(where, f'drift "{given}" is not one of {", ".join(DriftPolicy)}')
        return DriftPolicy.STRICT
    return DriftPolicy(given)


def _words(
    given: Sequence[Any] | None, known: frozenset[str], where: Where, faults: Faults
) -> dict[str, Any]:
    """customProperties as a mapping; unknown names are faults unless they start with `x-`."""
    words: dict[str, Any] = {}
    for index, each in enumerate(given or []):
        if each.property in known:
            words[each.property] = each.value
        elif not str(each.property).startswith("x-"):
            faults.unknown((*where, "customProperties", index), str(each.property), known)
    return words
