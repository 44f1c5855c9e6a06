"""T3: a table that requires a partition filter is read, changed and emptied by partition only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from strict_bigquery.catalog import Table
from strict_bigquery.refusal import Refusal
from strict_bigquery.zeta import only_node, walk

_COMPARES = {"$equal", "$less", "$less_or_equal", "$greater", "$greater_or_equal", "$in",
             "$between", "$in_array", "$is_null"}  # fmt: skip

_WRITES = {"ResolvedInsertStmtProto", "ResolvedTruncateStmtProto",
           "ResolvedCreateRowAccessPolicyStmtProto"}  # fmt: skip


def meets_filter(resolved: Any, tables: Mapping[str, Table]) -> None:
    """Raise Refusal if a table that requires a filter is read or changed without one."""
    for scan, above in walk(resolved):
        if scan.DESCRIPTOR.name != "ResolvedTableScanProto":
            continue
        table = tables.get(scan.table.full_name or scan.table.name)
        if table is None or not table.needs_filter or is_written_only(above):
            continue
        column = (table.partition_column or "").casefold()
        conditions = [only_node(each) for each in _conditions(above)]
        if not any(_meets(each, column) for each in conditions):
            name = table.partition_column
            raise Refusal(
                "invalidQuery", f"Cannot query over table '{table.project}.{table.dataset}."
                f"{table.name}' without a filter over column(s) '{name}' that can be used for"
                " partition elimination",
            )  # fmt: skip


def is_written_only(above: tuple[Any, ...]) -> bool:
    """Whether a table stands there as what is inserted into, emptied or described, not read."""
    kinds = [each.DESCRIPTOR.name for each in above]
    return kinds[-1] in _WRITES


def _conditions(above: tuple[Any, ...]) -> Iterator[Any]:
    for each in above:
        fields = each.DESCRIPTOR.fields_by_name
        for name in ("filter_expr", "where_expr", "join_expr"):
            if name in fields and each.HasField(name):
                yield getattr(each, name)


def _meets(condition: Any, column: str) -> bool:
    """Whether rows are left out by the partition column alone."""
    name, arguments = _call(condition)
    if name == "$and":
        # BigQuery folds FALSE away before it looks for the filter.
        return not any(_is_false(each) for each in arguments) and any(
            _meets(each, column) for each in arguments
        )
    if name == "$or":
        return all(_meets(each, column) for each in arguments)
    return name in _COMPARES and any(_is_column(each, column) for each in arguments)


def _call(node: Any) -> tuple[str, list[Any]]:
    if not node.DESCRIPTOR.name.startswith("ResolvedFunctionCall"):
        return "", []
    while "argument_list" not in node.DESCRIPTOR.fields_by_name:
        node = node.parent
    name = node.function.name.rpartition(":")[2]
    return name, [only_node(each) for each in node.argument_list]


def _is_column(node: Any, column: str) -> bool:
    return any(
        each.DESCRIPTOR.name == "ResolvedColumnRefProto" and each.column.name.casefold() == column
        for each, _ in walk(node)
    )


def _is_false(node: Any) -> bool:
    return (
        node.DESCRIPTOR.name == "ResolvedLiteralProto"
        and node.value.value.HasField("bool_value")
        and not node.value.value.bool_value
    )
