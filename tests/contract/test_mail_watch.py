"""New mail is heard of as it arrives, also after the connection was cut."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

import connectors.mailbox.watch
from chaos.proxy import Proxy, proxies
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from mailbox_server import MailboxServer

RAW = b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n"


@contextmanager
def heard(source: MailboxSource) -> Iterator[queue.Queue[None]]:
    """What the source's first folder tells, as it does."""
    stop, told = threading.Event(), queue.Queue[None]()
    [news] = source.watches(stop)

    def follow() -> None:
        for _ in news:
            told.put(None)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def test_news_come_in_seconds(dovecot_mailboxes: MailboxServer, address: str) -> None:
    with heard(dovecot_mailboxes.source(address)) as told:
        told.get(timeout=10)
        with pytest.raises(queue.Empty):
            told.get(timeout=0.3)
        dovecot_mailboxes.append(address, RAW)
        told.get(timeout=10)


def test_a_cut_connection_is_made_again(server: MailboxServer, address: str) -> None:
    with proxies() as loop:
        proxy = Proxy(loop)
        proxy.target = server.port
        near = MailboxServer(server.host, proxy.port, server.password)
        with heard(near.source(address)) as told:
            told.get(timeout=10)
            proxy.cut()
            server.append(address, RAW)
            told.get(timeout=20)


def test_a_mailbox_that_refuses_us_is_not_watched_in_a_hurry(server: MailboxServer) -> None:
    config = MailboxConfig(
        host=server.host, port=server.port, tls="none", user="nobody@example.com",
        password=SecretStr("not it"),
    )  # fmt: skip
    with heard(MailboxSource(config)) as told, pytest.raises(queue.Empty):
        told.get(timeout=2)


def test_watching_can_be_left_out(server: MailboxServer, address: str) -> None:
    assert list(server.source(address, watch=False).watches(threading.Event())) == []


def test_a_folder_that_comes_to_match_is_watched_too(
    dovecot_mailboxes: MailboxServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectors.mailbox.watch, "_FOLDERS_SECONDS", 0.2)
    stop = threading.Event()
    watched = dovecot_mailboxes.source(address, folders=["INBOX", "Late*"]).watches(stop)
    next(watched)
    with dovecot_mailboxes.connected(address) as client:
        threading.Timer(0.5, client.create_folder, ["Late"]).start()
        news = next(watched)
    next(news)
    dovecot_mailboxes.append(address, RAW, "Late")
    next(news)
    stop.set()
    assert list(news) == []
    assert list(watched) == []
