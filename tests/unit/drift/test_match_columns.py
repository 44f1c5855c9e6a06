"""Header cells and the columns they name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.drift.match_columns import column_name, match_header
from pipelines.parse.names import folded
from pipelines.rejects.escape import harmless, restored, restored_cell
from schemas.contract import Column, Contract, Type, can_be_named
from schemas.errors import DataError

MADE = Contract(
    name="t", version="1", table="t",
    columns=(
        Column(name="order_id", type=Type.STRING, headers=("Numéro de commande",)),
        Column(name="unit_price", type=Type.NUMERIC),
        Column(name="line", type=Type.INT64),
        Column(name="total", type=Type.INT64, derived=True),
    ),
)  # fmt: skip
MARKS = st.text(st.sampled_from(" _-./#:()"), max_size=3)
ACCENTS = st.sampled_from(["", "\u0301", "\u0308", "\u0327"])


@st.composite
def spelt(draw: st.DrawFn, name: str) -> str:
    """The name in other cases, with accents and punctuation anywhere."""
    letters = [
        draw(MARKS) + (draw(st.sampled_from([char.upper(), char.lower()])) + draw(ACCENTS))
        for char in name
        if char.isalnum()
    ]
    return unicodedata.normalize("NFC", "".join(letters) + draw(MARKS))


@given(spelt("order_id"), spelt("unit_price"), spelt("Numero de commande"), st.booleans())
def test_case_accents_and_punctuation_make_no_difference(
    one: str, other: str, alias: str, aliased: bool
) -> None:
    first = alias if aliased else one
    found = match_header([other, "line", first], MADE)
    assert found.names == {"unit_price": other, "line": "line", "order_id": first}
    assert (found.missing, found.unknown) == ((), ())


@given(st.text(max_size=40))
def test_a_name_made_of_any_cell_is_one_the_warehouse_takes_or_none(cell: str) -> None:
    name = column_name(cell)
    assert name == "" or can_be_named(name) or name.startswith(("etl_", "table_", "partition"))
    assert folded(folded(cell)) == folded(cell)


def test_missing_unknown_and_our_own_columns_are_told_apart() -> None:
    found = match_header(["Order-ID", "line", "_line", "_error", "Total", ""], MADE)
    assert found.names == {"order_id": "Order-ID", "line": "line"}
    assert [each.name for each in found.missing] == ["unit_price"]
    assert found.unknown == ("Total", "")
    assert found.correction


def test_two_cells_for_one_column_are_a_fault() -> None:
    with pytest.raises(DataError, match=r'order_id more than once: "Order ID", "order-id"'):
        match_header(["Order ID", "order-id", "line", "unit_price"], MADE)
    alike = Contract(
        name="t", version="1", table="t",
        columns=(Column(name="a_b", type=Type.STRING), Column(name="ab", type=Type.STRING)),
    )  # fmt: skip
    assert match_header(["AB", "a_b"], alike).names == {"ab": "AB", "a_b": "a_b"}
    assert match_header(["A-B", "ab"], alike).unknown == ("A-B",)


@given(st.text(st.sampled_from("'=+-@\t\r1,. a€%")) | st.text())
def test_disarming_formulas_is_taken_back_exactly(cell: str) -> None:
    import pyarrow as pa

    safe = harmless(cell)
    assert restored_cell(safe) == cell
    assert restored(pa.table({"c": pa.array([safe], pa.string())})).column(0).to_pylist() == [cell]
    if cell.startswith(("=", "@", "\t", "\r")):
        assert safe == "'" + cell
