"""Event words: what a timeline notes about a step, in the reader's language.

Notes are kept as they were written, in English. Those that nearly every file has are
recognised; any other stands as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from entrypoints.web.console.language import language, said, say, say_count
from schemas.language import joined

_BATCH = re.compile(
    r"batch (\w+) of ([\d,]+) files(?:, ([\d,]+) rows replaced)?(?:, ([\d,]+) rows brought back)?"
)


def note_of(message: str | None) -> str:
    """The note in the language of the request."""
    text = said(message)
    if match := _BATCH.fullmatch(text):
        return _batch(*match.groups())
    for pattern, words in _NOTES.items():
        if match := re.fullmatch(pattern, text):
            return words(*match.groups())
    return text


def _batch(batch: str, files: str, replaced: str | None, back: str | None) -> str:
    """Which files were loaded together, and what that did to rows of others."""
    members = say_count(_number(files), "1 file", "{count:,} files")
    parts = [say("batch {batch}: {files}", batch=batch, files=members)]
    if replaced:
        count = _number(replaced)
        parts.append(say_count(count, "1 row replaced", "{count:,} rows replaced"))
    if back:
        count = _number(back)
        parts.append(say_count(count, "1 row brought back", "{count:,} rows brought back"))
    return joined(", ", parts, language())


def _number(text: str) -> int:
    return int(text.replace(",", ""))


_NOTES: dict[str, Callable[..., str]] = {
    r"receipt mailed to (\S+)": lambda to: say("receipt mailed to {to}", to=to),
    r"receipt mailed to (\S+) before": lambda to: say("receipt mailed to {to} before", to=to),
    r"(\S+) is told with the next digest": lambda to: say(
        "{to} is told with the next digest", to=to
    ),
    r"receipt left at the source": lambda: say("receipt left at the source"),
    r"receipt kept for who has uploaded it": lambda: say("receipt kept for who has uploaded it"),
    r"receipt renewed; its sender is not told again": lambda: say(
        "receipt renewed; its sender is not told again"
    ),
    r"by (\w+)": lambda file: say("by {file}", file=file),
    r"batch (\w+) was unloaded": lambda batch: say("batch {batch} was unloaded", batch=batch),
}
