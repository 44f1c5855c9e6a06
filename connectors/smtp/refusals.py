"""Refusals of mail servers: whose business each is, by its enhanced status and its stage.

https://www.iana.org/assignments/smtp-enhanced-status-codes has the codes. Only what is wrong with
the recipient is told as final; what is wrong with us, or fills up, waits, and ops hear of it.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterable

from schemas.errors import AwayError, DataError, WaybillError

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH = ("1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1")
"""Codes of recipients that there are not: 5.1.1 and its kin, and a closed mailbox."""
_NO_SUCH_SAID = re.compile(
    r"(?:user|mailbox|recipient|address|account)\b[^.]{0,60}"
    r"(?:unknown|not (?:found|exist)|does ?n.t exist|no such|invalid|disabled|unavailable)"
    r"|(?:unknown|no such|invalid) (?:user|mailbox|recipient|address|account)",
    re.IGNORECASE,
)
_OURS_SAID = re.compile(
    r"relay|quota|full|polic|blocked|spam|denied|not permitted|authenti|rate|limit|storage",
    re.IGNORECASE,
)
_TOO_LARGE_SAID = re.compile(r"too (?:large|big)|size|exceeds", re.IGNORECASE)


def is_too_large(code: int, text: str) -> bool:
    """Whether a server refuses a mail for its size, so that it is sent without what is attached."""
    enhanced = _enhanced(text)
    if enhanced in ("3.4", "2.3"):
        return True
    unsaid = enhanced is None and not re.search(r"quota|full", text, re.IGNORECASE)
    return code == 552 and (unsaid or _TOO_LARGE_SAID.search(text) is not None)


def refused_recipient(host: str, code: int, text: str) -> WaybillError:
    """What the refusal of a recipient means."""
    if code >= 500 and _is_recipients_fault(text):
        return DataError(f"the mail server refuses the recipient: {text}")
    return refused(host, code, text)


def refused(host: str, code: int, text: str) -> WaybillError:
    """What any other refusal means: it waits until somebody has fixed it."""
    return AwayError(
        f"mail server {host}: {code} {text}",
        hint="look whether it lets us send as mail.sender, and to others" if code >= 500 else None,
    )


def reply_text(reply: object) -> str:
    """A server's reply as text."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    return " ".join(text.split())[:500]


def recipients_reply(error: smtplib.SMTPRecipientsRefused) -> tuple[int, str]:
    """The code and the text of a refused recipient; of several the one that may pass."""
    replies: Iterable[tuple[int, bytes]] = error.recipients.values()
    code, reply = min(replies, key=lambda each: each[0], default=(450, b"refused"))
    return code, reply_text(reply)


def _is_recipients_fault(text: str) -> bool:
    enhanced = _enhanced(text)
    if enhanced is not None:
        return enhanced in _NO_SUCH
    # Without a code only words tell; 550 alone is said of relaying, of spam and of strangers alike.
    return _NO_SUCH_SAID.search(text) is not None and not _OURS_SAID.search(text)


def _enhanced(text: str) -> str | None:
    found = _ENHANCED.search(text)
    return f"{int(found[2])}.{int(found[3])}" if found else None
