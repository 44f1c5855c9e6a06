"""Service levels in contracts: `slaProperties` that say when a table is late.

`freshness` is how old the newest loaded file may get. `frequency` with a cron `schedule` is when
files are expected; what ODCS has no word for (time zone, holidays, closed days, grace) stands in
its customProperties. Other properties are for people. Both count by when files were sent, so that
an `element` can be the table or its partition column, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from open_data_contract_standard.model import ServiceLevelAgreementProperty

from schemas.odcs.file import Faults, Where
from schemas.sla import Calendar, Sla

_UNITS = {
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), timedelta(minutes=1)),
}
_LONGEST = timedelta(days=3660)
_WORDS = frozenset({"timezone", "holidays", "closed", "graceMinutes"})


def read_sla(
    given: Sequence[ServiceLevelAgreementProperty] | None,
    default: str | None,
    measured: Sequence[str],
    faults: Faults,
) -> Sla:
    """The promises of a contract, which can be about the elements `measured`; `default` is that of
    promises without one (`slaDefaultElement`). The faults say what is wrong with them."""
    max_age: timedelta | None = None
    calendar: Calendar | None = None
    for index, each in enumerate(given or []):
        at: Where = ("slaProperties", index)
        if each.property == "freshness":
            if max_age is not None:
                faults.add(at, "freshness comes twice; one is kept")
            max_age = _age(each, at, faults)
            _check_element(each.element, default, measured, at, faults)
        elif each.property == "frequency" and each.schedule is not None:
            if calendar is not None:
                faults.add(at, "a second schedule; one contract has one")
            calendar = _calendar(each, at, faults)
            _check_element(each.element, default, measured, at, faults)
    return Sla(max_age=max_age, calendar=calendar)


def _check_element(
    element: str | None, default: str | None, measured: Sequence[str], at: Where, faults: Faults
) -> None:
    """Note what the promise is about and cannot be; several elements are parted by commas."""
    where: Where = ("slaDefaultElement",) if element is None else (*at, "element")
    known = {each.casefold() for each in measured}
    for name in filter(None, (each.strip() for each in (element or default or "").split(","))):
        if name.casefold() not in known:
            columns = [each for each in measured if each.startswith(f"{measured[0]}.")]
            can_be = " or ".join(dict.fromkeys([measured[0], *columns[:1]]))
            faults.add(
                where,
                f'"{name}" is not what is measured: when the newest file of {measured[0]} was sent,'
                f" not the values of a column; write {can_be}, or leave element out",
            )


def _age(each: ServiceLevelAgreementProperty, at: Where, faults: Faults) -> timedelta | None:
    unit = _UNITS.get(str(each.unit))
    if unit is None:
        faults.add(at, f'freshness needs a unit: d, h or min; "{each.unit}" is none of them')
        return None
    return _positive(each.value, unit, (*at, "value"), faults)


def _positive(given: Any, unit: timedelta, at: Where, faults: Faults) -> timedelta | None:
    """So many units of time; a fault for what is no number or no such time."""
    try:
        amount = float(str(given))
        if 0 < amount * unit.total_seconds() <= _LONGEST.total_seconds():
            return amount * unit
    except ValueError:
        pass
    faults.add(at, f'"{given}" is not a number above 0 (and at most ten years)')
    return None


def _calendar(each: ServiceLevelAgreementProperty, at: Where, faults: Faults) -> Calendar | None:
    if each.scheduler != "cron":
        faults.add(at, f'scheduler "{each.scheduler}" is not read; write scheduler: cron')
        return None
    words: dict[str, Any] = {}
    places: dict[str, Where] = {}
    for number, own in enumerate(each.customProperties or []):
        where: Where = (*at, "customProperties", number)
        if own.property in _WORDS:
            words[own.property], places[own.property] = own.value, where
        elif not str(own.property).startswith("x-"):
            faults.unknown(where, str(own.property), _WORDS)
    grace: timedelta | None = timedelta(hours=1)
    if "graceMinutes" in words:
        minute = timedelta(minutes=1)
        grace = _positive(words["graceMinutes"], minute, places["graceMinutes"], faults)
    return _possible(
        Calendar(
            expression=str(each.schedule),
            timezone=_zone(words.get("timezone", "UTC"), places.get("timezone", at), faults),
            holidays=_place(words.get("holidays"), places.get("holidays", at), faults),
            closed=_days(words.get("closed", []), places.get("closed", at), faults),
            grace=grace or timedelta(hours=1),
        ),
        (*at, "schedule"),
        faults,
    )


def _possible(calendar: Calendar, at: Where, faults: Faults) -> Calendar | None:
    """The calendar, if its five fields are cron's and name a time that comes."""
    from cronsim import CronSim, CronSimError

    fields = calendar.expression.split()
    if len(fields) == 5:
        try:
            next(CronSim(calendar.expression, datetime.now(UTC)))
            return calendar
        except (CronSimError, StopIteration):
            pass
    faults.add(at, f'"{calendar.expression}" is not cron\'s; write five fields: "0 9 * * 1-5"')
    return None


def _zone(given: Any, at: Where, faults: Faults) -> str:
    try:
        return ZoneInfo(str(given)).key
    except (KeyError, ValueError, OSError):
        faults.add(at, f'timezone "{given}" is not known; write UTC or Europe/Madrid')
        return "UTC"


def _place(given: Any, at: Where, faults: Faults) -> str | None:
    """A country or one of its parts whose holidays are known."""
    if given is None:
        return None
    from holidays import country_holidays

    country, _, part = str(given).partition("-")
    try:
        country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        faults.add(at, f'holidays of "{given}" are not known; write ES, or ES-MD for a part')
        return None
    return str(given)


def _days(given: Any, at: Where, faults: Faults) -> frozenset[date]:
    days = given if isinstance(given, list) else [given]
    found = set()
    for day in days:
        try:
            found.add(date.fromisoformat(str(day)))
        except ValueError:
            faults.add(at, f'closed: "{day}" is no day; write 2026-12-24')
    return frozenset(found)
