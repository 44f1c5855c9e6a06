"""Names: how the documents of an answer are told from those about other files of the same name."""

from __future__ import annotations

from pipelines.discover.taking import takes
from pipelines.runtime import Runtime
from schemas.file import File


def mark_of(runtime: Runtime, file: File) -> str:
    """What stands between the name of an original and the suffixes of its documents: the feed where
    another one takes the same object, for they would overwrite each other's, and the file where a
    newer version has taken its place. Empty for most."""
    feed = f".{file.feed}" if is_shared(runtime, file) else ""
    return feed + (f".{file.file_id[:8]}" if file.superseded_by else "")


def is_shared(runtime: Runtime, file: File) -> bool:
    """Whether another feed takes the object that the file came in, too. Each attachment of a mail
    is answered by a reply of its own."""
    if file.item.group is not None or file.source not in runtime.sources:
        return False
    others = [
        feed
        for feed in runtime.feeds.values()
        if feed.source == file.source and feed.name != file.feed
    ]
    source = runtime.sources[file.source] if others else None
    return source is not None and any(takes(feed, source, file.item) for feed in others)
