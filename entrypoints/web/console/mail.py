"""Mail of the console: sent by the one notifier that there is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from entrypoints.web.context import WebContext
from schemas.errors import WaybillError
from schemas.receipt import Message

log = logging.getLogger(__name__)


class NotifierBackend(BaseEmailBackend):
    """Hands mails to the configured notifier. One that cannot be sent is only logged: whoever asked
    must not learn whether there is such a person."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them; how many went out."""
        context: WebContext = settings.WAYBILL
        sent = 0
        for mail in email_messages:
            for to in mail.recipients():
                sent += self._send(context, mail, to)
        return sent

    def _send(self, context: WebContext, mail: EmailMessage, to: str) -> int:
        notifier = context.runtime.notifier
        if notifier is None:
            log.error("a mail of the console was not sent: `mail` is not configured")
            return 0
        message_id = str(mail.message()["Message-ID"])
        try:
            notifier.send(
                Message(
                    message_id=message_id, to=to, subject=str(mail.subject), text=str(mail.body)
                )
            )
        except WaybillError as error:
            log.error("a mail of the console was not sent: %s", error.message)
            return 0
        return 1
