"""Dates and times in any declared format: one moment, or a reason why there is none."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from babel.dates import format_datetime
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cast.booleans import cast_booleans
from pipelines.cast.moments import cast_moments
from schemas.contract import Column, Type
from schemas.dialect import Booleans

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def read(
    cell: str,
    kind: Type,
    *formats: str,
    native: bool = False,
    locale: str = "en",
    timezone: str | None = None,
) -> Any:
    """The value of one cell, or the rule that it breaks."""
    column = Column(name="c", type=kind, formats=formats, locale=locale, timezone=timezone)
    values, faults = cast_moments(pa.array([cell]), column, native=native)
    return faults[0].rule if faults else values[0].as_py()


@pytest.mark.parametrize(
    ("cell", "form", "locale", "value"),
    [
        ("03/11/2026", "%d/%m/%Y", "en", date(2026, 11, 3)),
        ("3/1/2026", "%d/%m/%Y", "en", date(2026, 1, 3)),
        ("20261103", "%Y%m%d", "en", date(2026, 11, 3)),
        ("031126", "%d%m%y", "en", date(2026, 11, 3)),
        ("3 de noviembre de 2026", "%d de %B de %Y", "es", date(2026, 11, 3)),
        ("03-NOV-2026", "%d-%b-%Y", "es", date(2026, 11, 3)),
        ("03-sept.-2026", "%d-%b-%Y", "es", date(2026, 9, 3)),
        ("03 sep 2026", "%d %b %Y", "es", date(2026, 9, 3)),
        ("3 Sept. 2026", "%d %b %Y", "en", date(2026, 9, 3)),
        ("1 août 2026", "%d %B %Y", "fr", date(2026, 8, 1)),
        ("1 AOUT 2026", "%d %B %Y", "fr", date(2026, 8, 1)),
        ("martes, 3 de noviembre de 2026", "%A, %d de %B de %Y", "es", date(2026, 11, 3)),
        ("307/2026", "%j/%Y", "en", date(2026, 11, 3)),
        ("11/2026", "%m/%Y", "en", date(2026, 11, 1)),
        ("03/11/2026 00:00", "%d/%m/%Y %H:%M", "en", date(2026, 11, 3)),
        ("46329", "excel", "en", date(2026, 11, 3)),
        ("46329.0", "excel", "en", date(2026, 11, 3)),
        ("59", "excel", "en", date(1900, 2, 28)),
        ("61", "excel", "en", date(1900, 3, 1)),
        ("1793664000", "epoch", "en", date(2026, 11, 3)),
    ],
)
def test_a_date_in_its_format(cell: str, form: str, locale: str, value: date) -> None:
    assert read(cell, Type.DATE, form, locale=locale) == value


@pytest.mark.parametrize(
    ("cell", "form", "rule"),
    [
        ("30/02/2026", "%d/%m/%Y", "type"),
        ("29/02/2025", "%d/%m/%Y", "type"),
        ("2026-11-03", "%d/%m/%Y", "type"),
        ("03/11/26", "%d/%m/%Y", "type"),
        ("03/11/2026 ", "%d/%m/%Y", "type"),
        ("0031126", "%d%m%y", "type"),
        ("2026113", "%Y%m%d", "type"),
        ("lunes 3 nov 2026", "%A %d %b %Y", "type"),
        ("366/2026", "%j/%Y", "type"),
        ("03/11/0000", "%d/%m/%Y", "type"),
        ("60", "excel", "type"),
        ("2958466", "excel", "type"),
        ("46329.5", "excel", "time_of_day"),
        ("03/11/2026 14:30", "%d/%m/%Y %H:%M", "time_of_day"),
        ("1793664001", "epoch", "time_of_day"),
    ],
)
def test_what_is_no_date_is_refused_by_name(cell: str, form: str, rule: str) -> None:
    assert read(cell, Type.DATE, form, locale="es") == rule


def test_times_with_and_without_zones() -> None:
    zoned, local = "%d/%m/%Y %H:%M %z", "%d/%m/%Y %H:%M"
    madrid = "Europe/Madrid"
    assert read("03/11/2026 13:00 +01:00", Type.TIMESTAMP, zoned) == NOON
    assert read("03/11/2026 12:00 Z", Type.TIMESTAMP, zoned) == NOON
    assert read("03/11/2026 13:00", Type.TIMESTAMP, local, timezone=madrid) == NOON
    assert read("03/11/2026 13:00", Type.TIMESTAMP, local) == "zone"
    assert read("2026-11-03 13:00", Type.TIMESTAMP, timezone=madrid) == NOON
    assert read("2026-11-03 12:00Z", Type.TIMESTAMP, timezone=madrid) == NOON
    assert read("2026-11-03 13:00", Type.TIMESTAMP) == "zone"
    assert read("2026-11-03 13:00+01", Type.TIMESTAMP) == NOON
    assert read("2026-11-03 12:00Z", Type.DATETIME) == "zone"
    assert read("2026-11-03 12:00Z", Type.DATETIME, timezone=madrid) == datetime(2026, 11, 3, 13)
    assert read("1793707200", Type.TIMESTAMP, "epoch") == NOON
    assert read("1793707200123", Type.TIMESTAMP, "epoch_ms") == NOON + timedelta(milliseconds=123)
    assert read("-1.5", Type.DATETIME, "epoch") == datetime(1969, 12, 31, 23, 59, 58, 500_000)
    assert read("9999-12-31T23:30:00-02:00", Type.TIMESTAMP) == "type"


def test_changes_of_clocks_are_never_guessed() -> None:
    form, madrid = "%d/%m/%Y %H:%M", "Europe/Madrid"
    assert read("29/03/2026 02:30", Type.TIMESTAMP, form, timezone=madrid) == "clock_change"
    assert read("25/10/2026 02:30", Type.TIMESTAMP, form, timezone=madrid) == "clock_change"
    zoned = "2026-10-25T02:30:00+01:00"
    assert read(zoned, Type.TIMESTAMP, timezone=madrid) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_times_of_day_and_formats_with_dates_of_their_own() -> None:
    assert read("2:30 p. m.", Type.TIME, "%I:%M %p", locale="es") == time(14, 30)
    assert read("12:05 AM", Type.TIME, "%I:%M %p") == time(0, 5)
    assert read("0.75", Type.TIME, "excel") == time(18)
    assert read("24:00", Type.TIME) == "type"
    # The reader of a workbook writes its dates as ISO 8601, whatever the contract says of texts.
    assert read("2026-11-03T00:00:00", Type.DATE, "%d/%m/%Y", native=True) == date(2026, 11, 3)
    assert read("2026-11-03", Type.DATETIME, native=True) == datetime(2026, 11, 3)
    assert read("2026-11-03T14:30:00", Type.DATE, native=True) == "time_of_day"
    assert read("2026-11-03T00:00:00", Type.DATE) == "type"
    assert read("2026-11-03 14:30:00.123456000", Type.DATETIME) == datetime(
        2026, 11, 3, 14, 30, 0, 123_456
    )
    assert read("2026-11-03 14:30:00.1234567", Type.DATETIME) == "type"


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
FORMATS = [
    "%Y-%m-%d %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S", "%m/%d/%y %I:%M %p", "%d %b %Y %H.%M",
    "%A %d %B %Y", "%Y%m%d%H%M%S", "%B %d, %Y %I:%M:%S %p", "%j %Y %H:%M",
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=4), st.sampled_from(FORMATS))
def test_what_strftime_writes_comes_back(moments: list[datetime], form: str) -> None:
    column = Column(name="c", type=Type.DATETIME, formats=(form,))
    cells = [moment.strftime(form) for moment in moments]
    values, faults = cast_moments(pa.array(cells), column, native=False)
    assert not faults
    assert values.to_pylist() == [datetime.strptime(cell, form) for cell in cells]


@settings(max_examples=100, deadline=None)
@given(MOMENTS, st.sampled_from(["es", "fr", "de", "it", "pt_BR", "pl", "nl"]), st.booleans())
def test_what_people_of_a_language_write_comes_back(
    moment: datetime, locale: str, short: bool
) -> None:
    pattern, form = ("d MMM y", "%d %b %Y") if short else ("EEEE d MMMM y", "%A %d %B %Y")
    cell = format_datetime(moment, pattern, locale=locale)
    for spelled in (cell, cell.upper(), cell.replace(".", "")):
        assert read(spelled, Type.DATE, form, locale=locale) == moment.date()


@settings(max_examples=100, deadline=None)
@given(MOMENTS, st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kolkata"]))
def test_local_times_mean_what_zoneinfo_says(moment: datetime, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    found = read(str(moment), Type.TIMESTAMP, timezone=zone)
    early, late = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        assert found == "clock_change"
    else:
        assert found == early.astimezone(UTC)


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(1900, 3, 1), datetime(9999, 1, 1)))
def test_excel_serials_come_back_to_the_millisecond(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    serial = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    assert read(f"{serial:.11f}", Type.DATETIME, "excel") == moment


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9](:[0-6][0-9]){0,2}"
                           r"(\.[0-9]{1,7})?(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?", fullmatch=True),
             min_size=1, max_size=5),
    st.sampled_from([Type.DATETIME, Type.TIMESTAMP]),
)  # fmt: skip
def test_the_quick_way_and_the_careful_way_agree(cells: list[str], kind: Type) -> None:
    column = Column(name="c", type=kind)
    alone = [read(cell, kind) for cell in cells]
    values, faults = cast_moments(pa.array([*cells, "?"]), column, native=False)
    rules = {int(at): fault.rule for fault in faults for at in fault.at}
    assert [rules.get(at, values[at].as_py()) for at in range(len(cells))] == alone


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789/", min_size=6, max_size=11))
def test_a_fixed_width_is_only_a_quicker_way(cell: str) -> None:
    """Cells of one width are read by their bytes; one of another width makes all go by pattern."""
    column = Column(name="c", type=Type.DATE, formats=("%d/%m/%Y", "%Y%m%d"))
    values, faults = cast_moments(pa.array([cell, "1/1/2026"]), column, native=False)
    careful = faults[0].rule if faults else values[0].as_py()
    assert read(cell, Type.DATE, "%d/%m/%Y", "%Y%m%d") == careful


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["SÍ", "sí", "Ja", "no", "NO", "nein", "", "yes", "1"]), min_size=1)
)
def test_booleans_are_their_declared_words_and_no_others(cells: list[str]) -> None:
    values, faults = cast_booleans(
        pa.array(cells), Booleans(true=("sí", "ja"), false=("No", "nein"))
    )
    meant = {"sí": True, "ja": True, "no": False, "nein": False}
    assert values.to_pylist() == [meant.get(cell.lower()) for cell in cells]
    assert [int(at) for fault in faults for at in fault.at] == [
        at for at, cell in enumerate(cells) if cell.lower() not in meant
    ]
