"""Values as a feed's files have them written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.parse.registry import reader_of
from schemas.contract import Column, Type
from schemas.dialect import Dialect

_EXCEL_DAY = date(1899, 12, 30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(value: Any, column: Column, dialect: Dialect) -> str | None:
    """How a value is written in a cell; None if it cannot be, or would be taken for nothing."""
    try:
        if column.repeated:
            text = json.dumps([_plain(each, column) for each in value], ensure_ascii=False)
        else:
            text = _text(value, column, dialect)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
    nulls = dialect.nulls if column.nulls is None else column.nulls
    return None if text in nulls or text.strip() in nulls else text


def null_word(column: Column, dialect: Dialect) -> str | None:
    """How nothing is written; None if nothing can be."""
    nulls = dialect.nulls if column.nulls is None else column.nulls
    return "" if "" in nulls else next(iter(nulls), None)


def _plain(value: Any, column: Column) -> Any:
    if isinstance(value, bool | int | float | str):
        return value
    return _text(value, column, Dialect())


def _text(value: Any, column: Column, dialect: Dialect) -> str:
    match column.type:
        case Type.BOOL:
            words = column.booleans or dialect.booleans
            return (words.true if value else words.false)[0]
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            return _moment(value, column, dialect)
        case Type.STRING | Type.JSON | Type.BYTES:
            return str(value)
        case _:
            return _number(value, column, dialect)


def _number(value: Any, column: Column, dialect: Dialect) -> str:
    number = Decimal(repr(value) if isinstance(value, float) else str(value))
    if column.type is Type.INT64 and number != number.to_integral_value():
        raise ValueError(value)
    scale = column.scale if column.type in (Type.NUMERIC, Type.BIGNUMERIC) else None
    text = f"{number.normalize():f}" if not scale else f"{number:.{scale}f}"
    if "." in text and scale is not None and not reader_of(dialect.format).traits.is_text:
        # A spreadsheet shows a number without the zeros at its end.
        text = text.rstrip("0").rstrip(".")
    return text.replace(".", (column.numbers or dialect.numbers).decimal)


def _moment(value: Any, column: Column, dialect: Dialect) -> str:
    form = next(iter(column.formats), None)
    if form is None or reader_of(dialect.format).traits.is_sheet:
        return _iso(value, column)
    moment = value if isinstance(value, datetime) else None
    if form == "excel":
        if column.type is Type.TIME:
            return f"{(value.hour * 60 + value.minute) / 1440:.9f}"
        whole = _local(value, column) if moment else datetime.combine(value, time())
        days = (whole.replace(tzinfo=None) - datetime.combine(_EXCEL_DAY, time())) / timedelta(
            days=1
        )
        return f"{days:.0f}" if days == int(days) else f"{days:.6f}"
    if form in ("epoch", "epoch_ms"):
        whole = moment or datetime.combine(value, time())
        if whole.tzinfo is None:
            whole = whole.replace(tzinfo=ZoneInfo(column.timezone) if column.timezone else UTC)
        seconds = int((whole - _EPOCH).total_seconds())
        return str(seconds if form == "epoch" else seconds * 1000)
    return _formed(_local(value, column) if moment else value, form, column.locale)


def _local(value: datetime, column: Column) -> datetime:
    """A moment by the clock of the column's zone, if it has one."""
    if value.tzinfo is not None and column.timezone is not None:
        return value.astimezone(ZoneInfo(column.timezone))
    return value


def _iso(value: Any, column: Column) -> str:
    if not isinstance(value, datetime):
        return value.isoformat() if isinstance(value, date) else value.strftime("%H:%M:%S")
    if value.tzinfo is None:
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _formed(value: Any, form: str, locale: str) -> str:
    """The moment in a strptime format, in the words of a language."""
    from babel import Locale

    words = Locale.parse(locale)
    named: dict[str, str] = {"%%": "%"}
    if isinstance(value, date):
        named |= {
            "%B": words.months["format"]["wide"][value.month],
            "%b": words.months["format"]["abbreviated"][value.month],
            "%A": words.days["format"]["wide"][value.weekday()],
            "%a": words.days["format"]["abbreviated"][value.weekday()],
            "%Y": f"{value.year:04}", "%y": f"{value.year % 100:02}", "%m": f"{value.month:02}",
            "%d": f"{value.day:02}", "%j": value.strftime("%j"),
        }  # fmt: skip
    clock = value if isinstance(value, datetime | time) else time()
    named |= {
        "%H": f"{clock.hour:02}", "%I": f"{clock.hour % 12 or 12:02}", "%M": f"{clock.minute:02}",
        "%S": f"{clock.second:02}", "%f": "000000", "%p": "PM" if clock.hour >= 12 else "AM",
        "%z": clock.strftime("%z") or "+0000",
    }  # fmt: skip
    out, at = "", 0
    while at < len(form):
        piece = form[at : at + 2]
        if piece in named:
            out, at = out + named[piece], at + 2
        elif piece[0] == "%":
            raise ValueError(form)
        else:
            out, at = out + piece[0], at + 1
    return out
