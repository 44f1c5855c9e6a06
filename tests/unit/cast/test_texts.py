"""JSON cells: taken exactly where BigQuery's PARSE_JSON takes them, by Google's own evaluator."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cast.texts import cast_json
from strict_bigquery import zeta


@given(
    st.one_of(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(json.dumps),
        st.sampled_from(
            ["52.520006599999998", "19.990000000000000001", "1e400", "-1e400", "1" * 400, "NaN",
             '"\\ud800"', '"\\ud83d\\ude00"', '"\\uDC00x"', "01", "1.", "[1,]", "'x'", '"a\tb"'],
        ),
    )
)  # fmt: skip
def test_json_is_taken_where_googles_evaluator_takes_it(text: str) -> None:
    cast, faults = cast_json(pa.array([text]))
    parse = "PARSE_JSON(@x, wide_number_mode => 'round')"
    assert (not faults) == zeta.evaluate(parse, x=text), text
    assert cast.null_count == len(faults)
