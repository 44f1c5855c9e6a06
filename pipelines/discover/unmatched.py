"""Unmatched: write down what no feed takes, and tell trusted senders so.

What is the matter with a name is found in passing for mail, whose messages every feed reads anyway,
and by a survey of all that lies there for buckets and folders.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from connectors.protocols import Answering, Surveyed
from pipelines.discover.stray_corrections import Strays
from pipelines.discover.taking import nearest, untaken
from pipelines.feed import Feed
from pipelines.prepare.trust import is_sender
from pipelines.runtime import Runtime, Work
from schemas.errors import DataError, RetryableError
from schemas.item import Item, Left
from schemas.language import translate
from schemas.receipt import Message
from schemas.unmatched import (
    MAX_GROUPS,
    MAX_ITEMS,
    OTHERS,
    Unmatched,
    UnmatchedItem,
    Why,
    group_id_of,
    is_likely,
    shape_of,
)

log = logging.getLogger(__name__)

_PLACE = ("message_id", "references", "subject", "folder", "uid", "author")
_LONGEST = 500


def survey(runtime: Runtime, source_name: str) -> list[Work]:
    """Look at all that lies at a source and write down what no feed takes; nothing for a source
    that is read message by message. The work that corrections make which lie there. Raises
    RetryableError when the source is away."""
    source = runtime.sources[source_name]
    if not isinstance(source, Surveyed):
        return []
    pages = (
        (*(Left(item, Why.NAME.name) for item in page.items), *page.left)
        for page in source.survey()
    )
    groups, work = _sorted_out(runtime, source_name, pages)
    runtime.ledger.unmatched.note(source_name, groups, is_whole=True)
    return work


def note_left(runtime: Runtime, source_name: str, found: Iterable[Left]) -> None:
    """Write down what of a listing no feed takes. A correction among it is found due by
    `recover`."""
    groups, _ = _sorted_out(runtime, source_name, [found])
    if groups:
        runtime.ledger.unmatched.note(source_name, groups)


def _sorted_out(
    runtime: Runtime, source_name: str, pages: Iterable[Iterable[Left]]
) -> tuple[list[Unmatched], list[Work]]:
    """What of some pages no feed takes, in groups, and the work of the corrections among it."""
    feeds, source = feeds_of(runtime, source_name), runtime.sources[source_name]
    groups, strays = _Groups(runtime, source_name, feeds), Strays(runtime, source_name)
    for page in pages:
        left = [*untaken(feeds, source, page)]
        known = runtime.ledger.files.listed(source_name, [each.item for each in left])
        news = [each for each in left if (each.item.key, each.item.version) not in known]
        groups.add(news)
        strays.offer(news)
    work: list[Work] = []
    for item, more in strays.corrections():
        groups.remove(item)
        work += more
    return groups.found(), work


def feeds_of(runtime: Runtime, source_name: str) -> list[Feed]:
    """The feeds that read a source."""
    return [feed for feed in runtime.feeds.values() if feed.source == source_name]


class _Groups:
    """Gathers what is found into groups, in bounded memory."""

    def __init__(self, runtime: Runtime, source: str, feeds: list[Feed]) -> None:
        self._source, self._feeds, self._now = source, feeds, runtime.now()
        self._made: dict[str, Unmatched] = {}
        self._items: dict[str, dict[str, UnmatchedItem]] = {}
        at = runtime.sources[source]
        self._answered = at.answer_unmatched if isinstance(at, Answering) else ()

    def add(self, found: Iterable[Left]) -> None:
        """Put each into its group."""
        for each in found:
            self._add(each.item, Why[each.why])

    def remove(self, item: Item) -> None:
        """Take one out again that a feed takes after all."""
        for shape, sender in ((shape_of(item.name), _sender_of(item)), (OTHERS, None)):
            group_id = group_id_of(self._source, Why.NAME, sender, shape)
            if item.key not in self._items.get(group_id, {}):
                continue
            del self._items[group_id][item.key]
            group = self._made[group_id]
            self._made[group_id] = replace(group, count=group.count - 1)
            if not self._made[group_id].count:
                del self._made[group_id], self._items[group_id]

    def found(self) -> list[Unmatched]:
        """The groups, each with the first of its items."""
        return [
            replace(group, items=tuple(self._items[group_id].values()))
            for group_id, group in self._made.items()
        ]

    def _add(self, item: Item, why: Why) -> None:
        shape, sender = shape_of(item.name), _sender_of(item)
        group_id = group_id_of(self._source, why, sender, shape)
        if group_id not in self._made and len(self._made) >= MAX_GROUPS:
            shape, sender = OTHERS, None
            group_id = group_id_of(self._source, why, sender, shape)
        if group_id not in self._made:
            self._made[group_id] = self._group(group_id, item, why, shape, sender)
            self._items[group_id] = {}
        group, items = self._made[group_id], self._items[group_id]
        if item.key in items:
            return
        self._made[group_id] = replace(group, count=group.count + 1)
        if len(items) < MAX_ITEMS:
            items[item.key] = UnmatchedItem(
                key=item.key[:_LONGEST],
                name=item.name,
                sent_at=item.sent_at,
                size=item.size,
                owed=self._is_owed(item),
                place={name: item.detail[name] for name in _PLACE if item.detail.get(name)},
            )

    def _group(
        self, group_id: str, item: Item, why: Why, shape: str, sender: str | None
    ) -> Unmatched:
        return Unmatched(
            group_id=group_id,
            source=self._source,
            why=why,
            shape=shape,
            sender=sender,
            feed=nearest(self._feeds, item),
            is_likely=is_likely(why, item),
            count=0,
            items=(),
            first_seen=self._now,
            last_seen=self._now,
        )

    def _is_owed(self, item: Item) -> bool:
        if item.sender is None or item.detail.get("no_reply") or item.detail.get("doubtful_sender"):
            return False
        author = item.detail.get("author") or item.sender
        return any(is_sender(author, each) for each in self._answered)


def _sender_of(item: Item) -> str | None:
    return item.sender or item.detail.get("author") or None


def tell_senders(runtime: Runtime, source_name: str) -> None:
    """Tell the trusted senders of what no feed takes so, once a group and pass. A mail server that
    is away is asked again the next time."""
    if runtime.notifier is None or not isinstance(runtime.sources[source_name], Answering):
        return
    for group in runtime.ledger.unmatched.latest(source_name):
        owed = [each for each in group.items if each.owed]
        if not owed:
            continue
        try:
            if group.sender is not None:
                runtime.notifier.send(_message(runtime, group, owed, runtime.now()))
        except RetryableError as error:
            log.warning(
                "the sender of %s cannot be told just now: %s", group.group_id, error.message
            )
            return
        except DataError as error:
            log.warning("the sender of %s cannot be told: %s", group.group_id, error.message)
        runtime.ledger.unmatched.mark_told(group.group_id, [each.key for each in owed])


def _message(
    runtime: Runtime, group: Unmatched, owed: list[UnmatchedItem], now: datetime
) -> Message:
    assert group.sender is not None
    last, language = owed[-1], _language(runtime, group)
    names = ", ".join(dict.fromkeys(each.name or "–" for each in owed))
    lines = [
        translate("No feed takes this: {name}", language, name=names),
        translate(str(group.why), language),
        translate(
            "Nothing of it was loaded. Ask whoever receives your reports under which name.",
            language,
        ),
    ]
    asked = last.place.get("message_id") or None
    subject = last.place.get("subject") or last.name
    return Message(
        message_id=f"<unmatched.{group.group_id}.{now:%Y%m%d%H%M%S}@waybill>",
        to=group.sender,
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        text="\n".join(lines) + "\n",
        in_reply_to=asked,
        references=(asked,) if asked else (),
        language=language,
    )


def _language(runtime: Runtime, group: Unmatched) -> str:
    feeds = feeds_of(runtime, group.source)
    near = [feed for feed in feeds if feed.name == group.feed] or feeds
    return near[0].language_for(group.sender) if near else "en"
