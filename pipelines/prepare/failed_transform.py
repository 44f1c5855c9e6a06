"""A transform that failed: in which line of its code, on which row, with which values."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.feed import Feed
from schemas.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_CELLS, _SHOWN = 6, 40
_TRIES = 40


def failed_transform(feed: Feed, frame: pd.DataFrame, error: Exception) -> DataError:
    """What to say of a file whose rows a transform cannot take: it fails that file, not the feed.

    The row is found by halving the rows for as long as one half fails alone.
    """
    place, row = _place(feed, error), _failing_row(feed, frame, error)
    said = f"{type(error).__name__}: {error}"[:200]
    if row is None:
        return DataError(
            "the transform of feed {feed} failed at {place}: {error}",
            hint="ask who looks after the feed",
            feed=feed.name,
            place=place,
            error=said,
        )
    return DataError(
        "the transform of feed {feed} failed at {place} on the row of line {line} ({values}):"
        " {error}",
        hint="look at this row, or ask who looks after the feed",
        feed=feed.name,
        place=place,
        line=row.index[0],
        values=_values(row),
        error=said,
    )


def _place(feed: Feed, error: Exception) -> str:
    """The last line of the feed's own code that was run."""
    code = getattr(feed.transform, "__code__", None)
    own = code.co_filename if code is not None else ""
    steps = traceback.extract_tb(error.__traceback__)
    last = next((each for each in reversed(steps) if each.filename == own), None)
    if last is None:
        return getattr(feed.transform, "__name__", "its function")
    return f"{Path(last.filename).name} line {last.lineno}"


def _failing_row(feed: Feed, frame: pd.DataFrame, error: Exception) -> pd.DataFrame | None:
    """One row on which the transform fails in the same way; None if it takes several to fail."""
    rows = frame
    for _ in range(_TRIES):
        if len(rows) == 1:
            return rows
        middle = len(rows) // 2
        halves = (rows.iloc[:middle], rows.iloc[middle:])
        failing = next((each for each in halves if _fails(feed, each, error)), None)
        if failing is None:
            return None
        rows = failing
    return None


def _fails(feed: Feed, rows: pd.DataFrame, error: Exception) -> bool:
    assert feed.transform is not None
    if not len(rows):
        return False
    try:
        feed.transform(rows.copy(deep=False))
    except Exception as again:
        return type(again) is type(error)
    return False


def _values(row: pd.DataFrame) -> str:
    """The first cells of a row, by name."""
    cells = [f"{name}: {str(row[name].iloc[0])[:_SHOWN]}" for name in row.columns[:_SHOWN_CELLS]]
    return ", ".join(cells) + (", …" if len(row.columns) > _SHOWN_CELLS else "")
