"""What every destination of alerts promises: over HTTP, over SMTP, and as a process."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import trustme
from imapclient import IMAPClient
from pydantic import SecretStr, ValidationError

from chat_server import Chat, chat
from connectors.alerts import (
    CommandConfig,
    CommandDestination,
    MailDestination,
    MailDestinationConfig,
    WebhookConfig,
    WebhookDestination,
)
from connectors.protocols import Destination
from connectors.registry import CONNECTORS
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import body_of
from pipelines.monitor.alerts import news_of
from schemas.alert import Alert, AlertKind, News, Trouble
from schemas.errors import AccessDeniedError, ConfigError, RetryableError, ThrottledError

SAYS = "feed orders is late: ñandú & <b> `$(id)`"


@dataclass
class Place:
    """A destination, what has reached it, and the same with nobody there."""

    destination: Destination
    texts: Callable[[], list[str]]
    away: Destination


def news() -> News:
    trouble = Trouble(kind=AlertKind.LATE, subject="orders", feed="orders", says=SAYS, todo="ask")
    return news_of(
        [Alert(alert_id="a" * 12, trouble=trouble, opened_at=datetime(2026, 11, 24, tzinfo=UTC))]
    )


@pytest.fixture(params=sorted(CONNECTORS["destination"]))
def place(
    request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, authority_file: Path
) -> Iterator[Place]:
    [nobody] = free_ports(1)
    if request.param == "webhook":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        with chat(context) as found:

            def webhook(url: str) -> WebhookDestination:
                return WebhookDestination(
                    WebhookConfig(webhook_url=SecretStr(url), ca_file=authority_file)
                )

            away = webhook(f"https://localhost:{nobody}/s3cr3t-part")
            yield Place(webhook(found.url), lambda: found.texts, away)
    elif request.param == "mail":
        server: MailEndpoint = request.getfixturevalue("mail_endpoint")

        def mail(port: int) -> MailDestination:
            smtp = SmtpConfig(host=HOST, port=port, tls="none", sender="reports@example.com")
            config = MailDestinationConfig(to=f"{tmp_path.name}@example.org".lower())
            return MailDestination(config, SmtpNotifier(smtp))

        yield Place(
            mail(server.smtp_port),
            lambda: mails(server, f"{tmp_path.name}@example.org".lower()),
            mail(nobody),
        )
    else:
        out = tmp_path / "out"
        keep = f"import sys; open({str(out)!r}, 'ab').write(sys.stdin.buffer.read() + b'\\n')"
        yield Place(
            CommandDestination(CommandConfig(argv=[sys.executable, "-c", keep])),
            lambda: [
                each["title"] + each["text"] for each in map(json.loads, out.open("rb"))
            ] if out.exists() else [],
            CommandDestination(CommandConfig(argv=[sys.executable, "-c", "exit('no line')"])),
        )  # fmt: skip


def mails(server: MailEndpoint, address: str) -> list[str]:
    with IMAPClient(server.host, server.imap_port, ssl=False) as client:
        client.login(address, server.password)
        client.select_folder("INBOX")
        raws = [data[b"RFC822"] for data in client.fetch(client.search(), ["RFC822"]).values()]
    found = [message_from_bytes(raw, policy=policy.default) for raw in raws]
    return [each["Subject"] + body_of(each) for each in found]


def test_the_news_arrive_whole(place: Place) -> None:
    assert place.destination.check()
    place.destination.send(news())
    (text,) = place.texts()
    for part in ("ñandú", "`$(id)`", "late feed (1)", "NEW"):
        assert part in text


def test_a_destination_that_is_away_may_be_tried_again(place: Place) -> None:
    with pytest.raises(RetryableError):
        place.away.send(news())
    assert place.texts() == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, ThrottledError),
        (503, RetryableError),
        (404, AccessDeniedError),
        (302, AccessDeniedError),
    ],
)
def test_what_a_webhook_answers_decides_what_happens_next(
    status: int, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with chat() as found:
        found.status = status
        with pytest.raises(error) as raised:
            webhook_to(found).send(news())
        assert found.texts == []
    assert "s3cr3t" not in caplog.text + str(raised.value) + repr(raised.value.__cause__)


def webhook_to(found: Chat) -> WebhookDestination:
    return WebhookDestination(WebhookConfig(webhook_url=SecretStr(found.url)))


def test_a_webhook_that_cannot_be_used_is_not_named() -> None:
    broken = WebhookConfig(webhook_url=SecretStr(f"http://{HOST}:1/s3cr3t part"))
    with pytest.raises(ConfigError, match="cannot be used") as error:
        WebhookDestination(broken).send(news())
    assert "s3cr3t" not in str(error.value)


def test_a_server_that_speaks_no_http_may_be_tried_again() -> None:
    with socket.create_server((HOST, 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 ready\r\n")

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        url = SecretStr(f"http://{HOST}:{server.getsockname()[1]}/s3cr3t")
        with pytest.raises(RetryableError, match="does not answer: BadStatusLine"):
            WebhookDestination(WebhookConfig(webhook_url=url)).send(news())
        thread.join()


def test_an_untrusted_chat_hears_nothing(authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with chat(context) as found:
        with pytest.raises(ConfigError, match="not trusted"):
            webhook_to(found).send(news())
        assert found.texts == []


@pytest.mark.parametrize("url", ["http://chat.example.com/s3cr3t", "file:///s3cr3t", "s3cr3t"])
def test_a_webhook_needs_encryption(url: str) -> None:
    with pytest.raises(ValidationError) as error:
        WebhookConfig(webhook_url=SecretStr(url))
    assert "s3cr3t" not in str(error.value)


def test_a_command_that_hangs_or_is_missing_says_so() -> None:
    sleep = CommandConfig(argv=[sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.3)
    with pytest.raises(RetryableError, match="did not end within"):
        CommandDestination(sleep).send(news())
    with pytest.raises(ConfigError, match="cannot be run: No such file"):
        CommandDestination(CommandConfig(argv=["/nowhere/page --now"])).send(news())


def test_mail_needs_a_mail_server() -> None:
    with pytest.raises(ConfigError, match="`mail` is not configured"):
        MailDestination(MailDestinationConfig(to="ops@example.com"), None)
