"""Mail of the console: sent by the one notifier that there is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from connectors.protocols import Notifier
from entrypoints.web.context import WebContext
from schemas.errors import WaybillError
from schemas.receipt import Message

log = logging.getLogger(__name__)

_AT_ONCE = 2


class NotifierBackend(BaseEmailBackend):
    """Hands mails to the configured notifier, beside the request that wants them sent. One that
    cannot be sent is only logged: whoever asked must not learn whether there is such a person,
    neither by an error nor by how long a mail server takes."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them soon; how many will be tried."""
        context: WebContext = settings.WAYBILL
        notifier = context.runtime.notifier
        if notifier is None:
            log.error("a mail of the console was not sent: `mail` is not configured")
            return 0
        mails = [
            Message(
                message_id=str(mail.message()["Message-ID"]),
                to=to,
                subject=str(mail.subject),
                text=str(mail.body),
            )
            for mail in email_messages
            for to in mail.recipients()
        ]
        for each in mails:
            _senders().submit(_send, notifier, each)
        return len(mails)


def finish() -> None:
    """Wait until all that was to be sent is sent, or could not be; the end of the process waits
    anyway."""
    _senders().shutdown()
    _senders.cache_clear()


@cache
def _senders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="console-mail")


def _send(notifier: Notifier, message: Message) -> None:
    try:
        notifier.send(message)
    except WaybillError as error:
        log.error("a mail of the console was not sent: %s", error.message)
    except Exception:
        # Nobody asks this thread how it went.
        log.exception("a mail of the console was not sent")
