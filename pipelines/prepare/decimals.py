"""Decimals in a transform: columns that add, multiply and divide as an analyst expects.

Arrow widens a decimal with every step, and refuses what would need more than 38 digits: it does not
even add two NUMERIC columns. Here a sum or product is exact, and a quotient has the digits of a
NUMERIC (9 behind the point) or BIGNUMERIC (38), rounded half away from zero as BigQuery does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

_EXACT: dict[str, Callable[[Any, Any], pa.ChunkedArray]] = {
    "add": pc.add,
    "sub": pc.subtract,
    "mul": pc.multiply,
}
_OTHERS = {"truediv": operator.truediv, "floordiv": operator.floordiv, "mod": operator.mod}
_WIDEST = 76
_DIGITS, _BIG_DIGITS = 9, 38


def with_decimals(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, its decimal columns as ones that calculate so."""
    import pandas as pd

    kind = _array_class()
    columns = {
        name: pd.Series(kind(column.array.__arrow_array__()), index=frame.index)
        for name, column in frame.items()
        if isinstance(column.dtype, pd.ArrowDtype)
        and pa.types.is_decimal(column.dtype.pyarrow_dtype)
    }
    return frame.assign(**{str(name): column for name, column in columns.items()})


@cache
def _array_class() -> Any:
    """The class of such columns. Pandas is imported only where there are frames."""
    from pandas.arrays import ArrowExtensionArray

    methods: dict[str, Any] = {}
    for name in (*_EXACT, *_OTHERS):
        methods[f"__{name}__"] = _method(name, ArrowExtensionArray, reflected=False)
        methods[f"__r{name}__"] = _method(name, ArrowExtensionArray, reflected=True)
    return type("DecimalArray", (ArrowExtensionArray,), methods)


def _method(name: str, base: Any, *, reflected: bool) -> Callable[[Any, Any], Any]:
    plain = getattr(base, f"__r{name}__" if reflected else f"__{name}__")

    def calculate(self: Any, other: Any) -> Any:
        operand = _operand(other)
        if operand is None:
            return plain(self, other)
        own = self.__arrow_array__()
        left, right = (operand, own) if reflected else (own, operand)
        return type(self)(_calculated(name, left, right, len(own)))

    return calculate


def _operand(other: Any) -> Any:
    """A whole number or decimal, or a column of these; None for anything else."""
    import pandas as pd

    if isinstance(other, bool):
        return None
    if isinstance(other, int | Decimal):
        return pa.scalar(Decimal(other))
    if isinstance(other, pd.api.extensions.ExtensionArray) or hasattr(other, "dtype"):
        if isinstance(other, pd.Series | pd.Index | pd.DataFrame):
            return None
        try:
            found = pa.array(other)
        except (pa.ArrowException, TypeError, ValueError):
            return None
        whole = pa.types.is_integer(found.type) or pa.types.is_decimal(found.type)
        return found if whole and len(found) > 0 else None
    return None


def _calculated(name: str, left: Any, right: Any, count: int) -> pa.ChunkedArray:
    if name in _EXACT:
        try:
            return _chunked(_widened(_EXACT[name](_narrow(left), _narrow(right))))
        except pa.ArrowInvalid:
            pass
    digits = _BIG_DIGITS if any(_is_big(each) for each in (left, right)) else _DIGITS
    function = _OTHERS.get(name) or getattr(operator, name)
    unit = Decimal(1).scaleb(-digits)
    with localcontext(Context(prec=120, rounding=ROUND_HALF_UP)):
        values = [
            None if a is None or b is None else function(a, b).quantize(unit)
            for a, b in zip(_listed(left, count), _listed(right, count), strict=True)
        ]
    kind = pa.decimal256(_WIDEST, digits) if digits > _DIGITS else pa.decimal128(38, digits)
    return _chunked(pa.array(values, kind))


def _narrow(values: Any) -> Any:
    """The values with no more digits before the point than they need."""
    if isinstance(values, pa.Scalar):
        return values.cast(pa.decimal256(*_size_of([values.as_py()])))
    if pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(20, 0))
    span = pc.min_max(values)
    most = [each for each in (span["min"].as_py(), span["max"].as_py()) if each is not None]
    whole, _ = _size_of([Decimal(int(each)) for each in most] or [Decimal(0)])
    scale = values.type.scale
    return values.cast(pa.decimal256(min(whole + scale, _WIDEST), scale))


def _size_of(values: list[Decimal]) -> tuple[int, int]:
    """Precision and scale of some decimals."""
    scale = max(max(0, -int(each.as_tuple().exponent)) for each in values)
    whole = max(len(str(abs(int(each)))) for each in values)
    return whole + scale, scale


def _widened(values: pa.ChunkedArray) -> pa.ChunkedArray:
    scale = values.type.scale
    wide = pa.decimal128(38, scale) if values.type.precision <= 38 else pa.decimal256(76, scale)
    return values.cast(wide)


def _chunked(values: Any) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _listed(values: Any, count: int) -> list[Any]:
    if isinstance(values, pa.Scalar):
        return [values.as_py()] * count
    return [each if each is None else Decimal(each) for each in values.to_pylist()]


def _is_big(values: Any) -> bool:
    return not isinstance(values, pa.Scalar) and (
        pa.types.is_decimal256(values.type) and values.type.scale > _DIGITS
    )
