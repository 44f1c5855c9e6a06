"""A column with some unusual cells is cast to just what its cells are cast to alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cast.cells import made_of, which_made_of, without
from pipelines.cast.chunk import cast_column
from schemas.contract import Column, Type
from schemas.dialect import Dialect, Numbers

_NUMBERS = st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,4})?", fullmatch=True) | st.sampled_from(
    ["", "n/a", "007", "-0", "1,234", "1e3", " 12 ", "+5", "nan", "١", "9" * 18, "9" * 19, "9" * 40]
)
_DAYS = st.dates().map(str) | st.sampled_from(
    ["2026-02-29", "2024-02-29", "2026-02-30", "0000-01-01", "0999-01-01", "2026-1-2", "", "gone"]
)
_CLOCKS = st.times().map(str) | st.sampled_from(["24:00:00", "12:30", "23:59:60", "01:02:03.1"])
_MOMENTS = _DAYS | st.builds(
    "{}{}{}{}".format, _DAYS, st.sampled_from(" T_"), _CLOCKS,
    st.sampled_from(["", "Z", "+02:00", "-0130", "+14:59", "+15:00", "+25:00", "z"]),
)  # fmt: skip
_COLUMNS = [
    (Column(name="c", type=Type.INT64), _NUMBERS),
    (Column(name="c", type=Type.FLOAT64), _NUMBERS),
    (Column(name="c", type=Type.NUMERIC, precision=6, scale=2), _NUMBERS),
    (Column(name="c", type=Type.NUMERIC, precision=2, scale=2), _NUMBERS),
    (Column(name="c", type=Type.BIGNUMERIC), _NUMBERS),
    (Column(name="c", type=Type.DATE), _MOMENTS),
    (Column(name="c", type=Type.DATETIME), _MOMENTS),
    (Column(name="c", type=Type.DATETIME, timezone="Europe/Madrid"), _MOMENTS),
    (Column(name="c", type=Type.TIMESTAMP), _MOMENTS),
    (Column(name="c", type=Type.TIMESTAMP, timezone="Europe/Madrid"), _MOMENTS),
]


@pytest.mark.parametrize(("column", "cells"), _COLUMNS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_together_as_alone(
    column: Column, cells: st.SearchStrategy[str], data: st.DataObject
) -> None:
    taken = data.draw(st.lists(st.none() | cells, min_size=2, max_size=12))
    dialect = Dialect(numbers=Numbers(thousands=data.draw(st.sampled_from(["", ","]))))
    values, faults = cast_column(pa.array(taken, pa.string()), column, dialect)
    found = [(each.rule, int(at)) for each in faults for at in each.at]
    alone = [cast_column(pa.array([cell], pa.string()), column, dialect) for cell in taken]
    assert str(values.to_pylist()) == str([one.to_pylist()[0] for one, _ in alone])
    assert sorted(found) == sorted(
        (each.rule, at) for at, (_, some) in enumerate(alone) for each in some
    )


@given(taken=st.lists(st.none() | st.text("0a-é", max_size=3)), start=st.integers(0, 3))
def test_which_cells_have_other_bytes(taken: list[str | None], start: int) -> None:
    allowed = np.isin(np.arange(256), [ord("0"), ord("-")])
    cells = pa.array(taken, pa.string()).slice(start)
    plain = which_made_of(cells, allowed)
    assert plain.tolist() == [not (set(each or "") - {*"0-"}) for each in taken[start:]]
    left = without(cells, ~plain)
    assert left.to_pylist() == [
        each if is_plain else None for each, is_plain in zip(taken[start:], plain, strict=True)
    ]
    assert made_of(left, allowed)
