"""Mail of the console: whoever asks for a new password must not learn, either, from how long the
answer takes, whether there is such a person."""

from __future__ import annotations

import logging
from email.message import EmailMessage
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from entrypoints.web.console import mail
from schemas.errors import RetryableError
from schemas.receipt import Message


class Slow:
    """A notifier whose server answers once it may, and then refuses what is for nobody."""

    def __init__(self) -> None:
        self.may, self.sent = Event(), Event()
        self.asked: list[Message] = []

    def send(self, message: Message) -> None:
        self.asked.append(message)
        assert self.may.wait(30)
        if message.to.startswith("nobody"):
            raise RetryableError("the server is away")
        self.sent.set()


def a_mail(to: str) -> SimpleNamespace:
    """As Django makes one, without Django's settings, of which a process has one set only."""
    made = EmailMessage()
    made["Message-ID"] = f"<{to}>"
    return SimpleNamespace(
        recipients=lambda: [to], subject="A new password", body="…", message=lambda: made
    )


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow()
    context: Any = SimpleNamespace(runtime=SimpleNamespace(notifier=made))
    monkeypatch.setattr(mail, "settings", SimpleNamespace(WAYBILL=context))
    return made


def test_nobody_waits_for_a_mail_to_go_out(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    backend = mail.NotifierBackend(alias="default")
    mails: Any = [a_mail("nobody@example.com"), a_mail("ana@example.com")]
    with caplog.at_level(logging.ERROR):
        assert backend.send_messages(mails) == 2
        assert not slow.sent.is_set()
        slow.may.set()
        assert slow.sent.wait(30)
        mail.finish()
    assert {each.to for each in slow.asked} == {"nobody@example.com", "ana@example.com"}
    assert "a mail of the console was not sent: the server is away" in caplog.text
