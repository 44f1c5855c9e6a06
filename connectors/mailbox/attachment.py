"""Attachment: the file of an item, from an open connection to its mailbox."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from imapclient import IMAPClient

from connectors.copies import new_path
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.containers import files_within
from connectors.mailbox.decode import cut_short, decoded
from connectors.mailbox.fetch import blocks, ends_with, too_large
from connectors.mailbox.find_message import FoundMessage, find
from connectors.mailbox.headers import Letter
from connectors.mailbox.parts import PartReader
from schemas.errors import DataError, ItemChangedError, ItemDeniedError, WaybillError
from schemas.item import Item


def write(client: IMAPClient, config: MailboxConfig, item: Item, out: BinaryIO) -> None:
    """Write the item's file, from wherever in the mailbox its message lies by now. Raises
    ItemChangedError if the message is gone, and DataError for a file that is cut short or larger
    than `attachment_bytes`."""
    found = find(client, config, item, readonly=True)
    if found is None:
        raise gone(item)
    detail = item.detail
    if "whole" in detail:
        out.write(_of_whole(client, found.uid, item))
        return
    size = int(detail["octets"]) if detail.get("octets") else None
    write_decoded(
        blocks(client, found.uid, detail["section"], config.attachment_bytes, size),
        item, out, config.attachment_bytes,
    )  # fmt: skip
    if detail.get("last"):
        _check_end(client, config, found)


def write_decoded(sent: Iterable[bytes], item: Item, out: BinaryIO, most: int) -> None:
    """Write what blocks of a part hold, as they were sent; raises DataError for more than `most`
    bytes."""
    written = 0
    for block in decoded(sent, item.detail["encoding"]):
        written += out.write(block)
        if written > most:
            raise too_large(most)


def is_within(item: Item) -> bool:
    """Whether the item's part is a container that holds its file, rather than the file."""
    return bool(item.detail["inner"]) and "whole" not in item.detail


def within(item: Item, data: bytes) -> bytes:
    """The item's file in the container that its part is."""
    detail = item.detail
    return files_within(detail["container"], detail["kind"], data)[int(detail["inner"])][1]


def kept(
    client: IMAPClient, config: MailboxConfig, item: Item, sent: bytes | None, folder: Path
) -> Path | WaybillError:
    """A new file below the folder with the item's bytes: from its part as it was `sent`, or by
    itself without that. What is wrong with the item alone is returned."""
    path = new_path(folder)
    try:
        with path.open("xb") as out:
            if sent is None:
                write(client, config, item, out)
            else:
                write_decoded([sent], item, out, config.attachment_bytes)
        if is_within(item):
            path.write_bytes(within(item, path.read_bytes()))
    except (ItemChangedError, ItemDeniedError, DataError) as error:
        path.unlink()
        return error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def closing(letter: Letter) -> bytes:
    """What stands at the end of a message of several parts; empty for any other."""
    return f"--{letter.boundary}--".encode("utf-8", "replace") if letter.boundary else b""


def gone(item: Item) -> ItemChangedError:
    """That the item's message is not in the mailbox any more."""
    return ItemChangedError(f"the message with {item.name} is gone")


def _check_end(client: IMAPClient, config: MailboxConfig, found: FoundMessage) -> None:
    """Make sure that a message's last part has its end; raises DataError if it was cut off."""
    sign = closing(found.letter)
    if sign and not ends_with(client, found.uid, found.size, sign, config.attachment_bytes):
        raise cut_short("multipart")


def _of_whole(client: IMAPClient, uid: int, item: Item) -> bytes:
    at = (item.detail["section"], item.detail["inner"])
    for found in PartReader(client).whole_files(uid):
        if (str(found.number), found.inner) == at:
            return found.whole()
    raise ItemChangedError(f"the message with {item.name} has changed")
