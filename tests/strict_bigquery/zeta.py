"""Google's own parser, analyzer and evaluator of SQL (ZetaSQL, as WebAssembly in this process)."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import wasmtime
from zetasql.core import wasm_client
from zetasql.core.exceptions import ServerError
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public_options
from zetasql.wasi._pb2.zetasql.public import type_pb2
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as kinds

from strict_bigquery.refusal import Refusal

_KINDS = {
    "QUERY", "INSERT", "DELETE", "UPDATE", "MERGE", "TRUNCATE", "CREATE_TABLE", "CREATE_VIEW",
    "CREATE_TABLE_AS_SELECT", "CREATE_SCHEMA", "CREATE_SNAPSHOT_TABLE", "DROP", "ALTER_TABLE",
    "ALTER_TABLE_SET_OPTIONS", "ALTER_SCHEMA", "CREATE_ROW_ACCESS_POLICY", "RENAME",
    "DROP_ROW_ACCESS_POLICY", "DROP_SNAPSHOT_TABLE", "EXPORT_DATA", "CREATE_FUNCTION", "ALTER_VIEW",
    "CREATE_MATERIALIZED_VIEW", "DROP_MATERIALIZED_VIEW",
}  # fmt: skip
# What these features switch on is no part of BigQuery's dialect, or not of its scripts.
_NOT_BIGQUERY = {"FEATURE_SPANNER_LEGACY_DDL", "FEATURE_JSON_TYPE_COMPARISON"}
_LOCK = threading.Lock()


class _CachedConfig(wasmtime.Config):
    """Keeps compiled WebAssembly in the user's cache: 1.6 s instead of 22 at the second start."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = True


class _Client(wasm_client.WasmClient):  # type: ignore[misc]
    """The package's client, with requests copied at once instead of byte by byte."""

    def write_bytes(self, ptr: int, data: bytes) -> None:
        target = ctypes.addressof(self.memory.data_ptr().contents) + ptr
        ctypes.memmove(target, data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        start = ctypes.addressof(self.memory.data_ptr().contents) + ptr
        return ctypes.string_at(start, size)


@cache
def _client() -> _Client:
    wasm_client.Config = _CachedConfig
    return _Client(get_wasm_path())


def _call(name: str, request: Any, answer: Any) -> Any:
    with _LOCK:
        return _client().call_grpc_func(f"ZetaSqlLocalService_{name}", request, answer)


@cache
def language() -> Any:
    """The language as BigQuery speaks it."""
    found = _call(
        "GetLanguageOptions",
        service.LanguageOptionsRequest(maximum_features=True),
        options_pb2.LanguageOptionsProto,
    )
    features = public_options.LanguageFeature
    kept = [
        each for each in found.enabled_language_features if features.Name(each) not in _NOT_BIGQUERY
    ]
    del found.enabled_language_features[:]
    found.enabled_language_features.extend(kept)
    found.product_mode = public_options.PRODUCT_EXTERNAL
    del found.supported_statement_kinds[:]
    known = set(kinds.ResolvedNodeKind.keys())
    for kind in sorted(_KINDS):
        if f"RESOLVED_{kind}_STMT" in known:
            found.supported_statement_kinds.append(
                kinds.ResolvedNodeKind.Value(f"RESOLVED_{kind}_STMT")
            )
    return found


def parse(sql: str) -> Any:
    """The script's syntax tree; raises Refusal for what is no SQL."""
    request = service.ParseRequest(sql_statement=sql, allow_script=True, options=language())
    try:
        return _call("Parse", request, service.ParseResponse).parsed_script
    except ServerError as error:
        raise _refusal(error) from error


class Analyzer:
    """Analyzes statements against one set of tables, parameters and script variables."""

    def __init__(
        self,
        tables: Mapping[tuple[str, ...], Any],
        parameters: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> None:
        catalog = simple_catalog_pb2.SimpleCatalogProto(name="strict")
        for path, table in tables.items():
            _within(catalog, path[:-1]).table.append(table)
        catalog.builtin_function_options.language_options.CopyFrom(language())
        for name, type_ in variables.items():
            constant = catalog.constant.add()
            constant.name_path.append(name)
            constant.type.CopyFrom(type_)
        self._options = options_pb2.AnalyzerOptionsProto(
            prune_unused_columns=True, allow_undeclared_parameters=False
        )
        self._options.language_options.CopyFrom(language())
        row_count = self._options.system_variables.add()
        row_count.name_path.append("row_count")
        row_count.type.type_kind = type_pb2.TYPE_INT64
        for name, type_ in parameters.items():
            parameter = self._options.query_parameters.add()
            parameter.name = name
            parameter.type.CopyFrom(type_)
        self._id = _call(
            "RegisterCatalog",
            service.RegisterCatalogRequest(simple_catalog=catalog),
            service.RegisterResponse,
        ).registered_id

    def close(self) -> None:
        """Free the catalog."""
        from google.protobuf import empty_pb2

        request = service.UnregisterRequest(registered_id=self._id)
        _call("UnregisterCatalog", request, empty_pb2.Empty)

    def analyze(self, statement: str) -> Any:
        """The resolved statement; raises Refusal with the analyzer's message."""
        request = service.AnalyzeRequest(
            sql_statement=statement, options=self._options, registered_catalog_id=self._id
        )
        try:
            return _call("Analyze", request, service.AnalyzeResponse).resolved_statement
        except ServerError as error:
            raise _refusal(error) from error


def _within(catalog: Any, path: tuple[str, ...]) -> Any:
    """The catalog within a catalog, made if need be."""
    for name in path:
        inside = next((each for each in catalog.catalog if each.name == name), None)
        if inside is None:
            inside = catalog.catalog.add()
            inside.name = name
        catalog = inside
    return catalog


def evaluate(expression: str, **texts: str) -> bool:
    """Whether Google's evaluator computes an expression over STRING parameters without an error."""
    from zetasql.wasi._pb2.zetasql.public import value_pb2

    options = options_pb2.AnalyzerOptionsProto()
    options.language_options.CopyFrom(language())
    request = service.EvaluateRequest(sql=expression, options=options)
    for name, text in texts.items():
        declared = request.options.query_parameters.add()
        declared.name = name
        declared.type.type_kind = type_pb2.TYPE_STRING
        given = request.params.add()
        given.name = name
        given.value.CopyFrom(value_pb2.ValueProto(string_value=text))
    try:
        _call("Evaluate", request, service.EvaluateResponse)
    except ServerError:
        return False
    return True


def walk(message: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every message within a syntax tree, with those it stands in, outermost first."""
    yield message, above
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        for each in value if field.is_repeated else (value,):
            yield from walk(each, (*above, message))


def only_node(message: Any) -> Any:
    """The node of a syntax tree's union, taken out of all the unions around it."""
    while message.DESCRIPTOR.name.startswith("Any"):
        message = getattr(message, message.WhichOneof("node"))
    return message


def _refusal(error: ServerError) -> Refusal:
    said = str(error)
    return Refusal("invalidQuery", said.partition("] ")[2] or said)
