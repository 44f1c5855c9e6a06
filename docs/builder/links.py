"""Links between the repository's Markdown pages: where they lead, and which lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath

ROOT = Path(__file__).resolve().parents[2]
_PAGES = ("*.md", "docs/**/*.md", "schemas/*.md", "samples/*.md", "deploy/*.md", "deploy/door/*.md")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`)[^`].*?(?<!`)\1(?!`)|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"(?P<open>\]\(<?)(?P<target>[^()\s<>]+)(?P<close>>?(?: \"[^\"]*\")?\))")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
_ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """A link of a page to a file of the repository."""

    page: str
    line: int
    path: str
    """From the repository's root; the page itself where the link has an anchor only."""
    anchor: str

    def __str__(self) -> str:
        """The place, as an editor opens it, and what it leads to."""
        return f"{self.page}:{self.line}: {self.path}{'#' if self.anchor else ''}{self.anchor}"


def pages() -> list[str]:
    """Every Markdown page that a reader is meant to find, from the repository's root."""
    found = {path for pattern in _PAGES for path in ROOT.glob(pattern)}
    return sorted(str(each.relative_to(ROOT)) for each in found)


def blanked(text: str) -> str:
    """The text without its code and comments, everything else at its place."""

    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    return _CODE.sub(blank, _FENCE.sub(blank, text))


def _resolved(page: str, target: str) -> tuple[str, str]:
    path, _, anchor = target.partition("#")
    if not path:
        return page, anchor
    return normpath(str(PurePosixPath(page).parent / path)), anchor


def links(page: str) -> Iterator[Link]:
    """The page's links to files of this repository, images included."""
    text = blanked((ROOT / page).read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        if not _ELSEWHERE.match(found["target"]):
            path, anchor = _resolved(page, found["target"])
            yield Link(page, text.count("\n", 0, found.start()) + 1, path, anchor)


def relinked(page: str, text: str, target_of: Callable[[str, str], str]) -> str:
    """The page's text with each link to a file replaced by what `target_of(path, anchor)` says."""
    parts, end = [], 0
    for found in _LINK.finditer(blanked(text)):
        if not _ELSEWHERE.match(found["target"]):
            start, stop = found.span("target")
            parts += [text[end:start], target_of(*_resolved(page, found["target"]))]
            end = stop
    return "".join([*parts, text[end:]])


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it and the site is told to."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = re.sub(r"[^\w\- ]", "", plain.strip().lower())
    return kept.replace(" ", "-")


@cache
def anchors(page: str) -> frozenset[str]:
    """What `#…` can lead to in a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = _FENCE.sub("", text)
    found: list[str] = _ANCHOR.findall(fenced)
    seen: dict[str, int] = {}
    for heading in _HEADING.findall(fenced):
        name = slug(heading)
        seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}-{seen[name]}" if seen[name] else name)
    return frozenset(found)


def broken() -> list[str]:
    """Links that lead to no file or to no heading, each with its line and what is wrong."""
    wrong = []
    for page in pages():
        for link in links(page):
            if link.path.startswith("..") or not (ROOT / link.path).exists():
                wrong.append(f"{link}: there is no such file")
            elif (
                link.anchor and link.path.endswith(".md") and link.anchor not in anchors(link.path)
            ):
                wrong.append(f"{link}: the page has no such heading")
    return wrong
