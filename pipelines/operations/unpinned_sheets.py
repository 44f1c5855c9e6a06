"""Unpinned sheets: contracts of workbooks that name no sheet."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.parse.registry import reader_of
from pipelines.runtime import Runtime


def unpinned_sheets(runtime: Runtime) -> Iterator[str]:
    """A sentence for each contract of a feed whose workbooks may have any sheet: one with several
    is refused. Nothing is connected to."""
    used = {feed.contract for feed in runtime.feeds.values()}
    for name in sorted(used & runtime.contracts.keys()):
        dialect = runtime.contracts[name].dialect
        if reader_of(dialect.format).traits.is_sheet and not dialect.sheet:
            yield (
                f"contract {name} names no sheet: a workbook in which several sheets have cells is"
                " refused; name the one that is meant in dialect.sheet"
            )
