"""Rules over queries: analysis (T1), names (T2), filters (T3), sizes (T4), bytes billed (T10).

Verdicts are kept by the text with the tables' names and constants taken out, since a suite sends
the same few hundred statements thousands of times.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strict_bigquery import zeta
from strict_bigquery.catalog import Catalog, Table, created, type_named, type_of_parameter
from strict_bigquery.partition_filter import is_written_only, meets_filter
from strict_bigquery.refusal import Refusal
from strict_bigquery.script import Path, Script, tables_of, take_apart

# https://cloud.google.com/bigquery/quotas#query_jobs
MOST_CHARACTERS = 1024 * 1000
MOST_REQUEST = 10 * 1000 * 1000
MOST_PARAMETERS = 10_000
LEAST_BYTES = 10 * 1024 * 1024
_CONSTANT = re.compile(
    r"\b(DATE|DATETIME|TIMESTAMP|TIME) '[^']*'|'(?:[^'\\]|\\.)*'|(?<![\w.])\d+(?:\.\d+)?(?![\w.])"
)
_SAME = {"DATE": "'2000-01-01'", "TIME": "'00:00:00'"}
_QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a query before it runs."""

    bytes_billed: int
    mutated: tuple[str, ...]
    """Tables whose rows a transaction of it changes or removes, as messages name them."""
    written: tuple[str, ...]
    """Tables that its DML writes, one entry a statement."""
    statements: tuple[str, ...]
    is_script: bool
    locations: frozenset[str]
    """Where the tables are that it names in quotes."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A verdict by the tables' places in the text, or the refusal."""

    refusal: Refusal | None
    billed: int = 0
    mutated: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    is_script: bool = False


class QueryRules:
    """Looks at queries before the emulator gets them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def look(self, query: Mapping[str, Any], project: str, size: int) -> Verdict:
        """The verdict on a query's configuration; raises Refusal. `size` is the request's."""
        sql = query["query"]
        parameters = query.get("queryParameters") or []
        _sizes(sql, parameters, size)
        dataset = (query.get("defaultDataset") or {}).get("datasetId")
        quick = {
            written: table
            for written in set(_QUOTED.findall(sql))
            if "." in written and (table := self._catalog.find(written, project, dataset))
        }
        key = _key(sql, quick, parameters)
        seen = _VERDICTS.get(key)
        if seen is None:
            seen, is_lasting = self._judge(sql, parameters, project, dataset)
            if is_lasting:
                _VERDICTS[key] = seen
        if seen.refusal is not None:
            raise seen.refusal
        numbered = {f"T{n}": quick[name].label for n, name in enumerate(_order(sql, quick))}
        return Verdict(
            seen.billed,
            tuple(numbered.get(each, each) for each in seen.mutated),
            tuple(numbered.get(each, each) for each in seen.written),
            seen.statements,
            seen.is_script,
            frozenset(table.resource.get("location") or "US" for table in quick.values()),
        )

    def _judge(
        self, sql: str, parameters: list[Mapping[str, Any]], project: str, dataset: str | None
    ) -> tuple[_Seen, bool]:
        """The verdict, and whether it holds for the text wherever it comes again: every table of
        it is named in one pair of quotes, so that it stands in the key."""
        try:
            tree = zeta.parse(sql)
            script = take_apart(sql, tree)
            tables = {
                path: found
                for path in sorted(tables_of(tree))
                if (found := self._catalog.find(".".join(path), project, dataset)) is not None
            }
            billed = _analyze(script, tables, parameters)
        except Refusal as refusal:
            return _Seen(_not_found(refusal, project)), False
        named = {".".join(path): table for path, table in tables.items()}
        quoted = set(_QUOTED.findall(sql))
        quick = {name: table for name, table in named.items() if name in quoted}
        numbers = {name: f"T{n}" for n, name in enumerate(_order(sql, quick))}

        def called(name: str) -> str:
            return numbers.get(name) or (named[name].label if name in named else name)

        done = script.statements
        seen = _Seen(
            None,
            billed,
            tuple(called(s.mutates) for s in done if s.in_transaction and s.mutates),
            tuple(called(s.writes) for s in done if s.writes),
            tuple(s.kind.removeprefix("AST").removesuffix("Proto") for s in done),
            script.is_script,
        )
        return seen, all(len(path) == 1 for path in tables)


def _not_found(refusal: Refusal, project: str) -> Refusal:
    """The analyzer knows one catalog, the service many tables in many places."""
    match = _MISSING.match(refusal.message)
    if match is None:
        return refusal
    parts = [project, *match[1].replace("`", "").split(".")][-3:]
    table = f"{parts[0]}:{'.'.join(parts[1:])}"
    return Refusal("notFound", f"Not found: Table {table} was not found in location US")


_MISSING = re.compile(r"Table not found: ([^;\s]+)")
_VERDICTS: dict[str, _Seen] = {}


def _order(sql: str, tables: Mapping[str, Table]) -> list[str]:
    return sorted(tables, key=lambda name: sql.index(f"`{name}`"))


def _key(sql: str, tables: Mapping[str, Table], parameters: list[Mapping[str, Any]]) -> str:
    """The text without what does not matter to a verdict."""
    names = _order(sql, tables)
    for number, name in enumerate(names):
        sql = sql.replace(f"`{name}`", f"`T{number}`")
    sql = _CONSTANT.sub(lambda m: m[1] + _SAME.get(m[1], "''") if m[1] else _plain(m[0]), sql)
    types = {each.get("name"): each["parameterType"] for each in parameters}
    facts = [sql, [tables[name].fingerprint for name in names], types]
    return json.dumps(facts, sort_keys=True)


def _plain(constant: str) -> str:
    # A JSON path or a format matters; a number or a text of data does not.
    return constant if constant.startswith("'$") or len(constant) < 4 else "'…'"


def _sizes(sql: str, parameters: list[Mapping[str, Any]], size: int) -> None:
    """T4."""
    if len(sql) > MOST_CHARACTERS:
        raise Refusal(
            "invalid", "The query is too large. The maximum standard SQL query length is"
            f" {MOST_CHARACTERS / 1000:.2f}K characters, including comments and white space"
            " characters.",
        )  # fmt: skip
    if size > MOST_REQUEST:
        raise Refusal(
            "badRequest",
            f"Request payload size exceeds the limit: {MOST_REQUEST} bytes.", 413,
        )  # fmt: skip
    if len(parameters) > MOST_PARAMETERS:
        raise Refusal("invalid", "Too many query parameters: the limit is 10000")


def _analyze(
    script: Script, tables: Mapping[Path, Table], parameters: list[Mapping[str, Any]]
) -> int:
    """The bytes that are billed at least; raises Refusal."""
    variables = {name: type_named(text) for name, text in script.variables.items()}
    _hidden_variables(script, tables)
    typed = {each["name"]: type_of_parameter(each["parameterType"]) for each in parameters}
    known = {path: table.proto(path) for path, table in tables.items()}
    called = {".".join(path): table for path, table in tables.items()}
    billed = 0
    analyzer = zeta.Analyzer(known, typed, variables)
    try:
        for statement in script.statements:
            resolved = zeta.only_node(analyzer.analyze(statement.text))
            billed += _one(resolved, called)
            if resolved.DESCRIPTOR.name == "ResolvedCreateTableStmtProto":
                # The statements that follow know it.
                made = created(resolved)
                known[tuple(made.full_name.split("."))] = made
                analyzer.close()
                analyzer = zeta.Analyzer(known, typed, variables)
    finally:
        analyzer.close()
    return billed


def _one(resolved: Any, tables: Mapping[str, Table]) -> int:
    _output_names(resolved)
    meets_filter(resolved, tables)
    # https://cloud.google.com/bigquery/pricing: 10 MB at least for each table referenced.
    scanned = [
        node
        for node, above in zeta.walk(resolved)
        if node.DESCRIPTOR.name == "ResolvedTableScanProto"
        and node.column_index_list
        and not is_written_only(above)
    ]
    return LEAST_BYTES * len({each.table.full_name or each.table.name for each in scanned})


def _output_names(resolved: Any) -> None:
    """T2."""
    if resolved.DESCRIPTOR.name in ("ResolvedQueryStmtProto", "ResolvedCreateViewStmtProto"):
        inner = resolved
        while "output_column_list" not in inner.DESCRIPTOR.fields_by_name:
            inner = inner.parent
        names = Counter(each.name.casefold() for each in inner.output_column_list)
        doubled = sorted(name for name, count in names.items() if count > 1)
        if doubled:
            raise Refusal(
                "invalidQuery", "Duplicate column names in the result are not supported when a"
                f" destination table is present. Found duplicate(s): {', '.join(doubled)}",
            )  # fmt: skip


def _hidden_variables(script: Script, tables: Mapping[Path, Table]) -> None:
    """A column hides a variable of its name; the service says nothing and takes the column."""
    for statement in script.statements:
        known = {
            field["name"].casefold()
            for path in tables_of(statement.node)
            if path in tables
            for field in tables[path].fields
        }
        for variable in script.variables:
            spoken = re.search(rf"(?<![\w.`@]){re.escape(variable)}(?![\w`])", statement.text)
            if spoken and variable.casefold() in known:
                raise Refusal("strict", f"the column {variable} hides the script's variable")
