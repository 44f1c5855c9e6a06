"""The glob of a new feed: made of its files' names, beside the feeds that are there already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from connectors.glob_overlap import common_key
from connectors.globs import matches
from pipelines.feed import Feed


@dataclass(frozen=True, slots=True)
class Overlap:
    """A feed that takes files of a glob as well, such as `example`."""

    feed: str
    example: str


@dataclass(frozen=True, slots=True)
class Match:
    """A glob, and who else takes files that it takes. `wider` is the one that it was narrowed from,
    because of `avoided`; None if it was not."""

    glob: str
    overlaps: tuple[Overlap, ...] = ()
    wider: str | None = None
    avoided: tuple[Overlap, ...] = ()


def match_beside(
    names: Sequence[str], feed: str, others: Sequence[Feed], *, has_folders: bool
) -> Match:
    """A glob for files named like these: in any folder, or in one named after the feed where others
    would take the same files otherwise."""
    wide = match_of(names)
    found = overlaps(wide, others, has_folders=has_folders)
    if not found or not has_folders:
        return Match(wide, found)
    own = f"{feed}/{wide}"
    return Match(own, overlaps(own, others, has_folders=True), wide, found)


def overlaps(glob: str, others: Sequence[Feed], *, has_folders: bool) -> tuple[Overlap, ...]:
    """Which of the feeds take files of the glob too. Attachments, which lie in no folder, are known
    by their names alone, in capital and small letters alike."""
    return tuple(
        Overlap(other.name, example)
        for other in others
        if (example := _shared(glob, other, has_folders=has_folders)) is not None
    )


def _shared(glob: str, other: Feed, *, has_folders: bool) -> str | None:
    one, two = (glob, other.match) if has_folders else (glob.lower(), other.match.lower())
    key = common_key(one, two)
    if key is None:
        return None
    example = key if has_folders else key.rpartition("/")[2]

    def fits(pattern: str) -> bool:
        return matches(pattern, example, ignore_case=not has_folders)

    is_shared = fits(glob) and fits(other.match) and not any(map(fits, other.excluded))
    return example if is_shared else None


def match_of(names: Sequence[str]) -> str:
    """A glob for files named like these, in any folder: what they begin and end with, without the
    digits, which say a day or a number."""
    same = takewhile(lambda each: len(set(each)) == 1, zip(*names, strict=False))
    stem = re.split(r"[0-9]", "".join(each[0] for each in same).partition(".")[0])[0]
    endings = {name.partition(".")[2] for name in names}
    ending = f".{endings.pop()}" if len(endings) == 1 and "" not in endings else ""
    return f"**/{_plain(stem)}*{_plain(ending)}"


def _plain(text: str) -> str:
    """Letters that mean themselves in a glob; any other stands for one character."""
    return re.sub(r"[*?\[\]]", "?", text)
