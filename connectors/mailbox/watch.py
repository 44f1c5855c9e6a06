"""Watching: hear of new mail as it arrives (IMAP IDLE, RFC 2177)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from imapclient import IMAPClient

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.folders import chosen, is_glob, select
from connectors.mailbox.login import logged_in
from schemas.errors import FatalError, RetryableError

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_RENEW_SECONDS = 240.0
"""IDLE is renewed: routers forget a silent connection after some minutes, servers after 30."""
_LOOK_SECONDS = 1.0
_FOLDERS_SECONDS = 300.0
"""So often new folders that match a glob are looked for."""


def watches(config: MailboxConfig, stop: threading.Event) -> Iterator[Iterator[None]]:
    """The news of every folder that is read. With globs it goes on, waiting for more folders that
    match, until `stop` is set."""
    if not config.watch:
        return
    folders = [folder for folder in config.folders if not is_glob(folder)]
    has_globs = len(folders) < len(config.folders)
    known: set[str] = set()
    while not stop.is_set():
        if has_globs:
            try:
                with logged_in(config) as client:
                    folders = chosen(client, config)
            except (RetryableError, FatalError) as error:
                log.warning("%s: folders cannot be looked for: %s", config.user, error.message)
        for folder in folders:
            if folder not in known:
                known.add(folder)
                log.info("watching %s of %s", folder, config.user)
                yield news(config, folder, stop)
        if not has_globs:
            return
        stop.wait(_FOLDERS_SECONDS)


def news(config: MailboxConfig, folder: str, stop: threading.Event) -> Iterator[None]:
    """Yields once connected, and whenever mail may have arrived; ends when `stop` is set, or with a
    server that has no IDLE.

    It connects again, after growing pauses, for as long as it takes.
    """
    pause = _FIRST_PAUSE
    while not stop.is_set():
        try:
            with logged_in(config) as client:
                if not client.has_capability("IDLE"):
                    log.info("%s has no IDLE: %s is looked at on schedule", config.host, folder)
                    return
                select(client, config, folder, readonly=True)
                yield
                pause = _FIRST_PAUSE
                while not stop.is_set():
                    if _has_arrived(client, stop):
                        yield
        except (RetryableError, FatalError) as error:
            # Whether a wrong password stops the feed is for the next listing to say.
            pause = _LONGEST_PAUSE if isinstance(error, FatalError) else pause
            log.warning("not watching %s for %.0f s: %s", folder, pause, error.message)
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _has_arrived(client: IMAPClient, stop: threading.Event) -> bool:
    """Wait for the server to say so, some minutes at most."""
    # Dovecot tells of what comes during IDLE at once, but after a minute or two of what came
    # between the last answer and it.
    _, since = client.noop()
    if _tells_of_mail(since):
        return True
    client.idle()
    until = time.monotonic() + _RENEW_SECONDS
    told = False
    while not told and time.monotonic() < until and not stop.is_set():
        asked = time.monotonic()
        lines = client.idle_check(timeout=_LOOK_SECONDS)
        told = _tells_of_mail(lines)
        if not lines and time.monotonic() - asked < _LOOK_SECONDS:
            # Nothing, and before its time: so the library tells that the connection has ended.
            break
    _, rest = client.idle_done()
    return told or _tells_of_mail(rest)


def _tells_of_mail(lines: Iterable[Sequence[bytes | int]]) -> bool:
    return any(b"EXISTS" in each for each in lines)
