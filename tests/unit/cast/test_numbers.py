"""Numbers in any declared style: what is written is what is read, and nothing else is read."""

import re
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.cast.numbers import cast_numbers
from schemas.contract import Column, Type
from schemas.dialect import Numbers

INT64 = Column(name="c", type=Type.INT64)
NUMERIC = Column(name="c", type=Type.NUMERIC)
PRICE = Column(name="c", type=Type.NUMERIC, precision=12, scale=2)
BIG = Column(name="c", type=Type.BIGNUMERIC)
FLOAT64 = Column(name="c", type=Type.FLOAT64)
SPANISH = Numbers(
    decimal=",", thousands=".", symbols=("€", "EUR", "$"), percent=True,
    brackets=True, trailing_minus=True,
)  # fmt: skip


def read(cell: str, column: Column, numbers: Numbers = SPANISH, native: bool = False) -> object:
    """The value of one cell, or the rule that it breaks."""
    values, faults = cast_numbers(pa.array([cell]), column, numbers, native=native)
    assert values.type == cast_numbers(pa.array(["1"]), column, Numbers(), native=False)[0].type
    return faults[0].rule if faults else values[0].as_py()


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        ("1.234", INT64, 1234),
        ("1.234.567", INT64, 1234567),
        ("1234", INT64, 1234),
        ("-1.234", INT64, -1234),
        ("(5)", INT64, -5),
        ("5-", INT64, -5),
        ("5 €", INT64, 5),
        ("$-5", INT64, -5),
        ("-$5", INT64, -5),
        ("EUR 5", INT64, 5),
        ("(€ 5)", INT64, -5),
        ("€(5)", INT64, -5),
        ("5 €-", INT64, -5),
        ("200 %", INT64, 2),
        ("9.223.372.036.854.775.807", INT64, 2**63 - 1),
        ("1.234,56", NUMERIC, Decimal("1234.56")),
        ("1.234,56 €", PRICE, Decimal("1234.56")),
        (",5", NUMERIC, Decimal("0.5")),
        ("12,5 %", NUMERIC, Decimal("0.125")),
        ("12,5\u00a0%", NUMERIC, Decimal("0.125")),
        ("0,07 %", NUMERIC, Decimal("0.0007")),
        ("1.234,5", FLOAT64, 1234.5),
        ("1,5e3", FLOAT64, 1500.0),
        ("1.234,5678901234567890123456789", BIG, Decimal("1234.5678901234567890123456789")),
    ],
)
def test_a_number_in_the_declared_style(cell: str, column: Column, value: object) -> None:
    assert read(cell, column) == value


@pytest.mark.parametrize(
    ("cell", "column", "rule"),
    [
        ("1.23", INT64, "type"),
        ("12.34.567", INT64, "type"),
        ("1.2345", INT64, "type"),
        ("0.123", INT64, "type"),
        ("1.234.56,7", NUMERIC, "type"),
        ("1,234.5", NUMERIC, "type"),
        ("5 € €", INT64, "type"),
        ("€5€", INT64, "type"),
        ("--5", INT64, "type"),
        ("(-5)", INT64, "type"),
        ("-5-", INT64, "type"),
        ("(5", INT64, "type"),
        ("5 GBP", INT64, "type"),
        ("€", INT64, "type"),
        (",", NUMERIC, "type"),
        ("12,0", INT64, "type"),
        ("5 %", INT64, "type"),
        ("1e3", NUMERIC, "type"),
        ("0123", INT64, "leading_zero"),
        ("0123,5", NUMERIC, "leading_zero"),
        ("00", FLOAT64, "leading_zero"),
        ("9.223.372.036.854.775.808", INT64, "overflow"),
        ("123456789012345678901234567890123456789012", INT64, "overflow"),
        ("1e999", FLOAT64, "overflow"),
        ("1e" + "9" * 5000, FLOAT64, "overflow"),
        ("12.345.678.901", PRICE, "overflow"),
        ("1,005", PRICE, "scale"),
        ("1,5 %", PRICE, "scale"),
        ("1" * 2000, NUMERIC, "overflow"),
        ("1" * 50, PRICE, "overflow"),
        ("0," + "0" * 60 + "1", BIG, "scale"),
    ],
)
def test_what_is_not_one_is_refused_by_name(cell: str, column: Column, rule: str) -> None:
    assert read(cell, column) == rule


def test_zeros_blanks_and_units_of_other_styles() -> None:
    padded = Numbers(leading_zeros=True)
    assert read("007", INT64, padded) == 7
    assert read("-0012.50", PRICE, padded) == Decimal("-12.5")
    swiss = Numbers(thousands="'", symbols=("Fr.", "CHF"))
    assert read("Fr. 1’234.50", PRICE, swiss) == Decimal("1234.5")
    french = Numbers(decimal=",", thousands=" ", symbols=("m2", "kr."))
    assert read("1\u202f234,5 m2", NUMERIC, french) == Decimal("1234.5")
    assert read("kr. 1 234", INT64, french) == 1234
    assert read("\u22125", INT64, french) == -5
    # A number that a workbook holds may come with an exponent, and still is exact.
    assert read("1e-05", NUMERIC, Numbers(), native=True) == Decimal("0.00001")
    assert read("1e-20", NUMERIC, Numbers(), native=True) == "scale"
    assert read("1e-999999999", NUMERIC, Numbers(), native=True) == "overflow"


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Numbers, Decimal]:
    """A number in a random style: how it is written, the style, and what it is."""
    decimal = draw(st.sampled_from(".,"))
    separators = ["", "'", " "] + [sign for sign in ".," if sign != decimal]
    numbers = Numbers(
        decimal=decimal,
        thousands=draw(st.sampled_from(separators)),
        symbols=draw(st.sampled_from([(), ("€",), ("$", "US$"), ("Rs.",), ("kg", "m2")])),
        percent=draw(st.booleans()),
        brackets=draw(st.booleans()),
        trailing_minus=draw(st.booleans()),
    )
    whole, fraction = draw(st.integers(0, 10**15)), draw(st.text("0123456789", max_size=6))
    value = Decimal(f"{whole}.{fraction or 0}")
    blank = (
        numbers.thousands if numbers.thousands != " " else draw(st.sampled_from(" \u00a0\u202f"))
    )
    grouped = f"{whole:,}".replace(",", blank if draw(st.booleans()) else "")
    text = grouped + (decimal + fraction if fraction else "")
    if numbers.percent and draw(st.booleans()):
        text, value = text + draw(st.sampled_from(["%", " %"])), value / 100
    unit = draw(st.sampled_from(["", *numbers.symbols]))
    gap = draw(st.sampled_from(["", " ", "\u00a0"])) if unit else ""
    before = draw(st.booleans())
    if unit:
        text = unit + gap + text if before else text + gap + unit
    ways = ["", "-"] + ["("] * numbers.brackets + ["<"] * numbers.trailing_minus
    match draw(st.sampled_from(ways)):
        case "-":
            text, value = "-" + text, -value
        case "(":
            text, value = f"({text})", -value
        case "<":
            text, value = text + "-", -value
    return text, numbers, value


@settings(max_examples=200, deadline=None)
@given(st.lists(written(), min_size=1, max_size=1))
def test_any_number_in_any_style_comes_back_exactly(
    one: list[tuple[str, Numbers, Decimal]],
) -> None:
    text, numbers, value = one[0]
    assert read(text, BIG, numbers) == value
    fits = value.is_finite() and value == value.to_integral_value()
    if fits and "%" not in text and numbers.decimal not in text.replace("Rs.", ""):
        assert read(text, INT64, numbers) == int(value)


def meaning(text: str, numbers: Numbers) -> Decimal | None:
    """What a text is in a style without units, told in another way than the product does."""
    negative = False
    if numbers.brackets and text.startswith("(") and text.endswith(")"):
        text, negative = text[1:-1], True
        if text[:1] in "+-":
            return None
    elif numbers.trailing_minus and text.endswith("-"):
        text, negative = text[:-1], True
        if text[:1] in "+-":
            return None
    elif text[:1] in ("-", "+"):
        text, negative = text[1:], text[0] == "-"
    whole, point, fraction = text.partition(numbers.decimal)
    groups = whole.split(numbers.thousands) if numbers.thousands else [whole]
    if len(groups) > 1 and (
        not 1 <= len(groups[0]) <= 3
        or groups[0].startswith("0")
        or any(len(group) != 3 for group in groups[1:])
    ):
        return None
    digits = "".join(groups) + fraction
    if not digits or not re.fullmatch("[0-9]+", digits) or (not "".join(groups) and not point):
        return None
    if len("".join(groups)) > 1 and "".join(groups).startswith("0"):
        return None
    value = Decimal(f"{''.join(groups) or 0}.{fraction or 0}")
    return -value if negative else value


@settings(max_examples=300, deadline=None)
@given(
    st.text("0123456789.,-+()'", min_size=1, max_size=9),
    st.sampled_from([Numbers(), Numbers(thousands=","), Numbers(decimal=",", thousands="."),
                     Numbers(thousands="'", brackets=True), Numbers(trailing_minus=True)]),
)  # fmt: skip
@example(",00", Numbers(decimal=",", thousands="."))
@example("-.0", Numbers())
def test_any_text_means_what_the_style_says_or_nothing(text: str, numbers: Numbers) -> None:
    found = read(text, BIG, numbers)
    expected = meaning(text, numbers)
    assert (None if isinstance(found, str) else found) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("0123456789.-+eE", max_size=8), min_size=1, max_size=6), st.data())
def test_the_quick_way_and_the_careful_way_agree(cells: list[str], data: st.DataObject) -> None:
    """A column is read at once if all of it is plain; one odd cell must not change the others."""
    column = data.draw(st.sampled_from([INT64, NUMERIC, PRICE, BIG, FLOAT64]))
    alone = [read(cell, column, Numbers()) for cell in cells]
    values, faults = cast_numbers(pa.array([*cells, "?"]), column, Numbers(), native=False)
    rules = {int(at): fault.rule for fault in faults for at in fault.at}
    assert [rules.get(at, values[at].as_py()) for at in range(len(cells))] == alone


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 90), st.integers(0, 50), st.sampled_from([NUMERIC, PRICE, BIG]))
@example(68, 0, BIG)
def test_digits_never_wrap_round(whole: int, fraction: int, column: Column) -> None:
    cell = "9" * whole + ("." + "7" * fraction if fraction else "")
    found = read(cell, column, Numbers())
    assert found in (Decimal(cell), "overflow", "scale")
    assert (found == "overflow") == (whole > {NUMERIC: 29, PRICE: 10, BIG: 38}[column])
