"""A mail server for replies: it remembers what it was given, and can go away and come back."""

from __future__ import annotations

import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from entrypoints.demo.process import HOST, free_ports


class Sink:
    """Keeps every message for good, as the mailboxes behind a mail server do."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self._lock = threading.Lock()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        with self._lock:
            self.messages.append(message)
        return "250 OK"

    @contextmanager
    def serve(self, folder: Path) -> Iterator[int]:
        """Listen until the block ends; yields the port."""
        [port] = free_ports(1)
        controller = Controller(self, hostname=HOST, port=port)
        controller.start()
        try:
            yield port
        finally:
            controller.stop()
