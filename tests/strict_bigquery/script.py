"""Scripts: the statements of one, in order, with what stands around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from strict_bigquery.refusal import Refusal
from strict_bigquery.zeta import only_node, walk

_EXPRESSIONS = {"ASTSingleAssignmentProto": "expression", "ASTRaiseStatementProto": "message"}
# https://cloud.google.com/bigquery/docs/transactions#statements_supported_in_transactions
_IN_TRANSACTION = {
    "ASTQueryStatementProto", "ASTInsertStatementProto", "ASTUpdateStatementProto",
    "ASTDeleteStatementProto", "ASTMergeStatementProto", "ASTTruncateStatementProto",
}  # fmt: skip
_MUTATING = {
    "ASTUpdateStatementProto": "target_path",
    "ASTDeleteStatementProto": "target_path",
    "ASTMergeStatementProto": "target_path",
    "ASTTruncateStatementProto": "target_path",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, or an expression of the script as the query it stands for."""

    kind: str
    text: str
    node: Any
    in_transaction: bool
    span: tuple[int, int] = (0, 0)
    """Where it stands in the script, in bytes."""
    is_asked_once: bool = False
    """It is the value of a variable, asked when the script comes to it."""

    @property
    def mutates(self) -> str | None:
        """The table whose rows the statement changes or removes."""
        where = _MUTATING.get(self.kind)
        return path_of(getattr(self.node, where)) if where else None

    @property
    def writes(self) -> str | None:
        """The table that the statement writes by DML."""
        if self.kind == "ASTInsertStatementProto":
            return path_of(self.node.target_path)
        return self.mutates


@dataclass(slots=True)
class Script:
    """A script taken apart."""

    statements: list[Statement] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """The declared variables, with the text of their types."""
    is_script: bool = False


def take_apart(sql: str, tree: Any) -> Script:
    """The statements of a parsed script; raises Refusal for what a transaction does not take."""
    found = Script()
    text = sql.encode()
    _Walker(text, found).through(tree.statement_list_node)
    found.is_script = len(tree.statement_list_node.statement_list) > 1
    return found


type Path = tuple[str, ...]
"""A name as its parts: `a`.`b.c` is ("a", "b.c")."""


def tables_of(tree: Any) -> set[Path]:
    """Paths that a syntax tree may mean tables by."""
    found = set()
    for node, _ in walk(tree):
        if node.DESCRIPTOR.name == "ASTPathExpressionProto":
            found.add(tuple(each.id_string for each in node.names))
    return found


def path_of(node: Any) -> str:
    """A path as one name: `a`.`b.c` is a.b.c."""
    if node.DESCRIPTOR.name.startswith("Any"):
        node = only_node(node)
    if not hasattr(node, "names"):
        return ""
    return ".".join(each.id_string for each in node.names)


class _Walker:
    """Goes through statement lists in the order in which they stand."""

    def __init__(self, text: bytes, found: Script) -> None:
        self._text, self._found, self._open = text, found, False

    def through(self, statements: Any) -> None:
        for each in statements.statement_list:
            self._one(only_node(each))

    def _one(self, node: Any) -> None:
        kind = node.DESCRIPTOR.name
        if kind == "ASTBeginStatementProto":
            if self._open:
                raise Refusal("invalidQuery", "Transaction is already in progress")
            self._open = True
        elif kind in ("ASTCommitStatementProto", "ASTRollbackStatementProto"):
            self._open = False
        elif kind == "ASTVariableDeclarationProto":
            self._declare(node)
        elif kind == "ASTIfStatementProto":
            self._expression(node.condition)
            self.through(node.then_list)
            if node.HasField("elseif_clauses"):
                for clause in node.elseif_clauses.elseif_clauses:
                    self._expression(clause.condition)
                    self.through(clause.body)
            if node.HasField("else_list"):
                self.through(node.else_list)
        elif kind == "ASTBeginEndBlockProto":
            self.through(node.statement_list_node)
        elif kind in _EXPRESSIONS:
            if node.HasField(_EXPRESSIONS[kind]):
                self._expression(
                    getattr(node, _EXPRESSIONS[kind]), kind != "ASTRaiseStatementProto"
                )
        else:
            self._statement(kind, node)

    def _declare(self, node: Any) -> None:
        type_ = "" if not node.HasField("type") else self._of(node.type)
        for name in node.variable_list.identifier_list:
            self._found.variables[name.id_string] = type_
        if node.HasField("default_value"):
            self._expression(node.default_value, True)

    def _statement(self, kind: str, node: Any) -> None:
        if self._open and kind not in _IN_TRANSACTION and not _is_temporary(node):
            what = kind.removeprefix("AST").removesuffix("StatementProto")
            raise Refusal("invalidQuery", f"{what} is not supported inside a transaction")
        self._found.statements.append(Statement(kind, self._of(node), node, self._open))

    def _expression(self, union: Any, asked_once: bool = False) -> None:
        text, node = f"SELECT ({self._of(union)}) AS value", only_node(union)
        self._found.statements.append(
            Statement("Expression", text, node, self._open, _range(node), asked_once)
        )

    def _of(self, union: Any) -> str:
        start, end = _range(only_node(union))
        return self._text[start:end].decode()


def _range(node: Any) -> tuple[int, int]:
    for each in _parents(node):
        if each.DESCRIPTOR.fields_by_name.get("parse_location_range") is not None:
            return each.parse_location_range.start, each.parse_location_range.end
    raise AssertionError(f"{node.DESCRIPTOR.name} has no place")


def _parents(node: Any) -> Iterator[Any]:
    yield node
    while "parent" in node.DESCRIPTOR.fields_by_name:
        node = node.parent
        yield node


def _is_temporary(node: Any) -> bool:
    for each in _parents(node):
        if "scope" in each.DESCRIPTOR.fields_by_name:
            return bool(each.scope)
    return False
