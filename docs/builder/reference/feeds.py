"""Page: every argument of Feed and Trust, and how a schedule is written."""

from __future__ import annotations

import dataclasses
import inspect

from docs.builder.reference.text import code, one_line, page, section, sentences, table
from pipelines.feed import Feed
from pipelines.schedule import Every, cron, every
from schemas.trust import Trust

_EXAMPLE = '''<!-- run -->
```python
"""Returns that the shops drop."""

from pandas import DataFrame
from pipelines import Feed, Trust, cron


def in_euros(rows: DataFrame) -> DataFrame:
    return rows.assign(amount=rows.cents / 100)


feed = Feed(
    name="returns",
    source="partners",
    match="*returns*.csv",
    exclude=("*test*",),
    contract="returns",
    transform=in_euros,
    write="merge",
    schedule=cron("*/10 6-22 * * *", "Europe/Madrid"),
    language="es",
    languages={"@acorn.example": "de"},
    trust=Trust(senders=("acorn.example",), require=("dkim",), files_a_day=50),
)
```'''


def _arguments(cls: type) -> str:
    said = sentences(cls)
    rows = []
    for each in dataclasses.fields(cls):
        if each.name not in said:
            raise KeyError(f"{cls.__qualname__}.{each.name} has no sentence")
        rows.append((code(each.name), said[each.name], code(each.type), _default(each)))
    return table(("argument", "what it says", "type", "default"), rows)


def _default(field: dataclasses.Field[object]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return code(field.default_factory())
    if field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, Every):
        return code(f"every(seconds={field.default.period.total_seconds():.0f})")
    return code(repr(field.default) if isinstance(field.default, bool | None) else field.default)


def feeds_page() -> str:
    """The page."""
    schedules = [
        (code(f"{each.__name__}{inspect.signature(each, eval_str=True)}".split(" ->")[0]),
         one_line((each.__doc__ or "").partition("\n\n")[0]))
        for each in (every, cron)
    ]  # fmt: skip
    return page(
        "Feed: every argument",
        "A feed is a Python file in the folder of feeds. It says which files of which source go into"
        " which table. Arguments are given by name.",
        _EXAMPLE,
        section("Feed", _arguments(Feed)),
        section("Trust", one_line((Trust.__doc__ or "").partition("\n\n")[0]), _arguments(Trust)),
        section("Schedules", table(("call", "what it says"), schedules)),
    )
