"""Taking: which items a feed takes, and what none of a source's feeds takes.

Parts that adorn a mail (inline pictures, signatures, cards, invitations) are taken only by a glob
that says something of the name; `**` does not mean them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from connectors.globs import is_litter, names_something
from connectors.protocols import Source
from pipelines.feed import Feed
from schemas.item import Item, Left
from schemas.unmatched import Why

_PICTURE = "picture"
_LEAST_LIKE = 0.34


def takes(feed: Feed, source: Source, item: Item) -> bool:
    """Whether the feed takes the item."""
    if not source.matches(feed.match, item) or _excludes(feed, source, item):
        return False
    return not item.detail.get("adornment") or bool(names_something(feed.match))


def taken(feed: Feed, source: Source, items: Iterable[Item]) -> tuple[Item, ...]:
    """The items that the feed takes of those whose names match."""
    return tuple(each for each in items if takes(feed, source, each))


def untaken(feeds: Iterable[Feed], source: Source, found: Iterable[Left]) -> Iterator[Left]:
    """What is nobody's: no feed takes it, none excludes it, and it is neither litter nor what
    adorns a mail. A picture that is attached is told of all the same."""
    ours = list(feeds)
    for each in found:
        item, why = each.item, each.why
        if why != Why.NAME.name:
            yield each
            continue
        if any(takes(feed, source, item) or _excludes(feed, source, item) for feed in ours):
            continue
        adorns = item.detail.get("adornment")
        if is_litter(item.name) or is_litter(item.key) or (adorns and adorns != _PICTURE):
            continue
        yield Left(item, Why.PICTURE.name) if adorns else each


def nearest(feeds: Iterable[Feed], item: Item) -> str | None:
    """The feed whose match is most like the item's name; None if none is much like it."""
    name = item.name.lower()[:80]
    best, most = None, _LEAST_LIKE
    for feed in feeds:
        wanted = feed.match.rpartition("/")[2].lower().replace("*", "").replace("?", "")
        like = SequenceMatcher(None, wanted[:80], name, autojunk=False).ratio()
        if like > most:
            best, most = feed.name, like
    return best


def _excludes(feed: Feed, source: Source, item: Item) -> bool:
    return any(source.matches(each, item) for each in feed.excluded)
