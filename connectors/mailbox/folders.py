"""Folders of a mailbox: which are read, and opening one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from connectors.globs import compile_match
from connectors.mailbox.config import MailboxConfig
from schemas.errors import ConfigError

_CLOSED = (b"\\noselect", b"\\nonexistent")
"""Flags of folders that only hold folders: https://www.rfc-editor.org/rfc/rfc9051#section-7.3.1"""


def is_glob(folder: str) -> bool:
    """Whether a folder that the configuration names stands for several."""
    return "*" in folder or "?" in folder


def chosen(client: IMAPClient, config: MailboxConfig, known: Collection[str] = ()) -> list[str]:
    """The folders to read, each once: those named, and those that match a glob now, in their order;
    those `known` from before, should the server list none at all.

    In globs the folders are parted by `/`, however the server does it; `move_to` matches none.
    """
    found: dict[str, None] = {}
    for folder in config.folders:
        if not is_glob(folder):
            found[folder] = None
            continue
        # A bracket is part of a name here: Gmail has a folder [Gmail].
        pattern = compile_match(folder.replace("[", "[[]"))
        listed = client.list_folders() or [((), b"/", name) for name in known]
        for flags, delimiter, name in sorted(listed, key=lambda each: str(each[2])):
            parted = str(name).replace((delimiter or b"/").decode(), "/")
            is_open = not any(flag.lower() in _CLOSED for flag in flags)
            if is_open and name != config.move_to and pattern.match(parted):
                found[str(name)] = None
    return list(found)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open folder: its UIDVALIDITY, and the UID that comes next; 0 for what a server hides."""

    validity: int
    next_uid: int


def opened(client: IMAPClient, config: MailboxConfig, folder: str, *, readonly: bool) -> Opened:
    """Open a folder. Raises ConfigError for one that is not among those that the server lists."""
    try:
        told = client.select_folder(folder, readonly=readonly)
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        names = [str(name) for _, _, name in client.list_folders()]
        if folder in names or not names:
            raise
        raise ConfigError(
            f"mailbox {config.user} has no folder {folder}",
            hint=f"correct folders or move_to of the source; there are: {', '.join(names)}",
        ) from None
    return Opened(_number(told.get(b"UIDVALIDITY")), _number(told.get(b"UIDNEXT")))


def select(client: IMAPClient, config: MailboxConfig, folder: str, *, readonly: bool) -> int:
    """Open a folder; its UIDVALIDITY. Raises ConfigError for one that is not there."""
    return opened(client, config, folder, readonly=readonly).validity


def _number(told: object) -> int:
    try:
        return int(told)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return 0


def move(client: IMAPClient, uids: Sequence[int], folder: str) -> None:
    """Move messages of the open folder, also at a server without MOVE (RFC 6851).

    What others have marked as deleted there is left alone: without UIDPLUS the messages stay too,
    marked as deleted.
    """
    if client.has_capability("MOVE"):
        client.move(uids, folder)
        return
    client.copy(uids, folder)
    client.delete_messages(uids)
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)
