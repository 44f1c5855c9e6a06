"""Condition: an SQL condition as somebody wrote it, taken apart and written anew.

What may stand in one is listed; all else is refused: sub-queries, which read other tables, and
functions that call out (remote and user-defined ones, `EXTERNAL_QUERY`), cost by the call (`AI.*`,
`ML.*`), know keys (`KEYS.*`, `AEAD.*`) or make much of little (`GENERATE_ARRAY`, `REPEAT`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemas.errors import DataError

if TYPE_CHECKING:
    from sqlglot.expressions import Condition

MAX_LENGTH = 8_000
_EXAMPLE = "such as --where \"order_id = 'SO-000761'\""

# Classes of sqlglot: a function of BigQuery is found under the name by which sqlglot knows it.
_PLAIN = """
    Add And Any Array Between Boolean Bracket ByteString Case Cast Coalesce Column DataType
    DataTypeParam Div Dot DPipe EQ GT GTE Identifier If In Interval IntervalSpan Is LT LTE Like
    Literal Mod Mul NEQ Neg Not Null NullSafeEQ NullSafeNEQ Nullif Or Paren RawString Sub TimeUnit
    TryCast Tuple Unnest Var Xor HexString BitString WeekStart
"""
_TEXT = """
    Concat Contains EndsWith Length Lower Upper StartsWith Left Right Pad Replace Reverse RegexpLike
    RegexpExtract RegexpReplace StrPosition Substring Trim Initcap ByteLength Normalize Unicode
    Ascii SafeFunc Split
"""
_NUMBER = """
    Abs Ceil Floor Greatest Least Round Sign Sqrt Trunc IsNan IsInf SafeDivide SafeAdd SafeSubtract
    SafeMultiply Pow IntDiv
"""
_TIME = """
    CurrentDate CurrentDatetime CurrentTime CurrentTimestamp Date DateAdd DateDiff DateSub
    DateTrunc Datetime DatetimeAdd DatetimeDiff DatetimeSub DatetimeTrunc Extract
    LastDay ParseDatetime ParseTime StrToDate StrToTime TimeAdd TimeDiff TimeFromParts TimeSub
    TimeToStr TimeTrunc Time Timestamp TimestampAdd TimestampDiff TimestampFromParts TimestampSub
    TimestampTrunc TsOrDsToDate TsOrDsToTime TsOrDsToTimestamp TsOrDsToDatetime UnixDate UnixSeconds
    UnixMillis UnixMicros DateFromParts AtTimeZone UnixToTime
"""
_INNER = """
    ArrayContains ArraySize JSONExtract JSONExtractScalar JSONPath JSONPathKey JSONPathRoot
    JSONPathSubscript FarmFingerprint
"""
ALLOWED = frozenset(f"{_PLAIN} {_TEXT} {_NUMBER} {_TIME} {_INNER}".split())


def condition(where: str, columns: Sequence[str] = ()) -> str:
    """The condition, parsed and written anew; raises DataError unless it is a single one, made of
    columns, values, operators and the functions that are allowed.

    It may call the table `t`, unless that is one of its columns. Comments, further statements and
    unbalanced brackets do not outlive that.
    """
    if len(where) > MAX_LENGTH:
        raise DataError(f"the condition has more than {MAX_LENGTH:,} characters", hint=_EXAMPLE)
    try:
        tree = _parsed(where)
        _check(tree)
        return _written(tree, columns)
    except RecursionError:
        # Without its cause: a thousand frames say nothing that the sentence does not.
        raise DataError(
            "the condition nests too deeply", hint="write it with fewer brackets: a IN ('x', 'y')"
        ) from None


def _parsed(where: str) -> Condition:
    import sqlglot
    from sqlglot import exp

    try:
        parsed = sqlglot.parse(where, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        said = str(error).split("\n", 1)[0]
        raise DataError(f"the condition is not SQL: {said}", hint=_EXAMPLE) from error
    if len(parsed) != 1 or parsed[0] is None:
        raise DataError("one condition is expected", hint=_EXAMPLE)
    if not isinstance(parsed[0], exp.Condition) or isinstance(parsed[0], exp.Query):
        raise DataError("that is a statement, not a condition", hint=_EXAMPLE)
    return parsed[0]


def _check(tree: Condition) -> None:
    from sqlglot import exp

    for node in tree.walk():
        name = type(node).__name__
        if isinstance(node, exp.Query):
            raise DataError(
                "the condition has a query within it, which could read any table", hint=_EXAMPLE
            )
        # `dataset.lower(x)` is a function of somebody's own, whatever its last name.
        is_path = not isinstance(node, exp.Dot) or not any(
            isinstance(each, exp.Func) for each in node.iter_expressions()
        )
        if name not in ALLOWED or not is_path:
            said = node.sql(dialect="bigquery", comments=False)[:60]
            raise DataError(
                f"the condition may not use {said}",
                hint="columns, values, comparisons, and functions of text, numbers, dates and JSON",
            )


def _written(tree: Condition, columns: Sequence[str]) -> str:
    from sqlglot import exp

    if "t" not in map(str.casefold, columns):
        for column in tree.find_all(exp.Column):
            if column.table == "t":
                column.set("table", exp.to_identifier("_etl_t"))
    return tree.sql(dialect="bigquery", comments=False)
