"""Attachments: what of a message is a file, under which name, and who sent it."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """One attached file. `part` is its place in the walk over the message's parts."""

    name: str
    part: int
    message_id: str
    subject: str
    sender: str | None
    sent_at: datetime | None
    received_at: datetime


def read_message(raw: bytes) -> EmailMessage:
    """A message from its bytes; broken ones are read as far as they go."""
    return email.message_from_bytes(raw, policy=email.policy.default)


def attachments_of(
    message: EmailMessage, received_at: datetime, own_address: str | None
) -> tuple[Attachment, ...]:
    """The files of a message; none of automatic replies (RFC 3834), our receipts and our mails."""
    sender = parseaddr(_header(message, "From"))[1] or None
    automatic = _header(message, "Auto-Submitted").lower() not in ("", "no")
    ours = own_address is not None and (sender or "").lower() == own_address.lower()
    if automatic or ours or "X-Waybill-Receipt" in message:
        return ()
    if received_at.tzinfo is None:
        received_at = received_at.astimezone()
    return tuple(
        Attachment(
            name=name,
            part=index,
            message_id=_header(message, "Message-ID"),
            subject=_header(message, "Subject"),
            sender=sender,
            sent_at=_date(message),
            received_at=received_at,
        )
        for index, part in enumerate(message.walk())
        if not part.is_multipart() and (name := safe_name(_name(part)))
    )


def safe_name(name: str) -> str:
    """The last part of a file name, without control characters and at most 200 long."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(char for char in bare if char.isprintable()).strip(" .")
    return kept[-_LONGEST_NAME:]


def _name(part: EmailMessage) -> str:
    try:
        return part.get_filename("") or ""
    except (LookupError, ValueError):
        return ""


def _header(message: EmailMessage, name: str) -> str:
    """A header on one line; empty if it is missing or beyond reading."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except (LookupError, ValueError, IndexError):
        return ""


def _date(message: EmailMessage) -> datetime | None:
    try:
        moment = parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, IndexError, TypeError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
