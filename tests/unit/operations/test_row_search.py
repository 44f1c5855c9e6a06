"""A key as a condition: whatever it holds, it stays one value of one column."""

from __future__ import annotations

import pytest

from connectors.bigquery.condition import condition
from pipelines.operations.masking import Mask
from pipelines.operations.row_search import condition_of, key_columns, row_request, row_result
from schemas.contract import Column, Contract, Type
from schemas.errors import ConflictError

CONTRACT = Contract(
    name="sales",
    version="1",
    table="sales",
    columns=(
        Column(name="id", type=Type.STRING),
        Column(name="day", type=Type.DATE),
        Column(name="amount", type=Type.INT64),
        Column(name="iban", type=Type.STRING, classification="confidential"),
    ),
    primary_key=("id", "day", "amount"),
)


@pytest.mark.parametrize(
    "key", ["A'1", "a\\", "' OR TRUE OR '", "\\' OR TRUE --", "ñ 😀", "x\\u0041"]
)
def test_a_key_is_one_value_whatever_it_holds(key: str) -> None:
    import sqlglot

    [tree] = sqlglot.parse(condition(condition_of(CONTRACT, {"id": key}), ["id"]), read="bigquery")
    assert tree is not None
    while isinstance(tree, sqlglot.exp.Paren):
        tree = tree.this
    assert isinstance(tree, sqlglot.exp.EQ)
    assert tree.expression.is_string
    assert tree.expression.this == key


@pytest.mark.parametrize(
    "key",
    [{}, {"iban": "x"}, {"nobody": "x"}, {"day": "never"}, {"amount": "1 OR 1"}, {"id": "a\nb"},
     {"id": "x" * 501}, {"amount": "9" * 30}],
)  # fmt: skip
def test_what_no_row_can_have_is_refused(key: dict[str, str]) -> None:
    with pytest.raises(ConflictError):
        condition_of(CONTRACT, key)


def test_a_key_of_several_columns_is_of_their_types() -> None:
    found = condition_of(CONTRACT, {"id": "A", "day": "2026-11-03", "amount": "07"})
    assert found == "`id` = 'A' AND `day` = CAST('2026-11-03' AS DATE) AND `amount` = 7"
    assert [each.name for each in key_columns(CONTRACT)] == ["id", "day", "amount"]


def test_values_that_are_not_public_stay_hidden() -> None:
    row = {"values": {"id": "A", "iban": "DE1"}, "raw": "A,DE1", "line": 2}
    mask = Mask(CONTRACT, sees_all=False)
    [shown] = row_result({"rows": [row]}, mask)["rows"]
    assert shown == {"values": {"id": "A", "iban": "•••"}, "raw": "•••", "line": 2}
    assert row_request({"key": {"iban": "DE1"}}, mask)["key"] == {"iban": "•••"}
    assert row_result({"rows": [row]}, Mask(CONTRACT, sees_all=True))["rows"] == [row]
