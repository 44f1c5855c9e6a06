"""Marking: messages that are done with are marked as seen, and moved if configured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from imapclient import IMAPClient

from connectors.mailbox.bulk import located
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.find_message import find
from connectors.mailbox.folders import move
from schemas.errors import ConfigError
from schemas.item import Item

_MARKS = [b"\\Seen", b"\\Answered"]
_AT_ONCE = 200


def finish(client: IMAPClient, config: MailboxConfig, item: Item) -> None:
    """Mark the item's message, wherever it lies by now; quiet if it has gone."""
    found = find(client, config, item, readonly=False)
    if found is not None:
        _mark(client, config, [found.uid])


def finish_together(
    client: IMAPClient, config: MailboxConfig, folder: str, items: Sequence[Item]
) -> tuple[Sequence[Item], Sequence[Item]]:
    """Mark the messages of those items that lie where they were listed; these, and the others."""
    # All are looked for before the first is moved: several items may be of one message.
    there = list(located(client, config, folder, items, readonly=False))
    uids = {each.message.uid for each in there if each.message is not None}
    for some in batched(sorted(uids), _AT_ONCE, strict=False):
        _mark(client, config, some)
    return (
        [each.item for each in there if each.message is not None],
        [each.item for each in there if each.message is None],
    )


def _mark(client: IMAPClient, config: MailboxConfig, uids: Sequence[int]) -> None:
    target = config.move_to
    client.add_flags(uids, _MARKS)
    if target and client.folder_exists(target):
        move(client, uids, target)
    elif target:
        raise ConfigError(
            f"mailbox {config.user} has no folder {target}",
            hint="make the folder, or correct move_to of this source",
        )
