"""Items of mail: a file of a message as the item that the ledger knows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.mailbox.containers import MessageFile
from connectors.mailbox.headers import Letter
from schemas.errors import EncryptedError
from schemas.item import Item, Left

_OLDEST_DATE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePart:
    """One file of a message: the part it is, or that holds it as number `inner` of `container`.

    `size` is the part's, as it was sent; `octets` is the same where the server keeps to it.
    `is_last` is the message's last part. `adornment` is what makes it no report. `mark` tells its
    bytes from others.
    """

    name: str
    section: str
    kind: str
    size: int
    encoding: str = ""
    container: str = ""
    inner: str = ""
    octets: int | None = None
    is_last: bool = False
    is_encrypted: bool = False
    adornment: str = ""
    mark: str = ""


def part_of(found: MessageFile) -> FilePart:
    """A file of a message that was read whole; its section is the part's number in the message."""
    return FilePart(
        name=found.name,
        section=str(found.number),
        kind=found.kind,
        size=len(found.data),
        container=found.container,
        inner=found.inner,
        adornment=found.adornment,
        is_encrypted=isinstance(found.fault, EncryptedError),
        mark=hashlib.sha256(found.data).hexdigest()[:16],
    )


def item_of(
    letter: Letter, received: datetime, part: FilePart, place: Mapping[str, str], number: int = 0
) -> Item:
    """The item of a file; `place` is what its source needs to find the message again, and `number`
    rises with every message that arrives.

    Key and version come from the message itself, so that a copy of it makes no second item.
    """
    at = part.section + (f".{part.inner}" if part.inner else "")
    more = {
        "octets": str(part.octets) if part.octets is not None else "",
        "last": "yes" if part.is_last else "",
        "encrypted": "yes" if part.is_encrypted else "",
        "adornment": part.adornment,
        "received": received.astimezone(UTC).date().isoformat() if not letter.message_id else "",
    }
    # Without a Message-ID nothing else may tell two mails of one moment apart.
    mark = f":{part.mark}" if part.mark and not letter.message_id else ""
    return Item(
        key=f"{letter.message_id.strip('<>') or letter.digest}/{at}/{part.name}",
        version=f"{letter.digest}:{part.size}{mark}",
        name=part.name,
        # Mails know the second; of those of one second, that which arrived later is the later one.
        sent_at=_sane(letter.sent_at, received.astimezone(UTC)).replace(
            microsecond=number % 1_000_000
        ),
        sender=letter.sender,
        group=letter.digest,
        detail={
            "message_id": letter.message_id,
            "references": letter.references,
            "subject": letter.subject,
            "section": part.section,
            "kind": part.kind,
            "encoding": part.encoding,
            "container": part.container,
            "inner": part.inner,
            "author": letter.author or "",
            **{name: value for name, value in more.items() if value},
            **letter.envelope,
            **place,
        },
    )


def left_of(
    letter: Letter, received: datetime, why: str, name: str, place: Mapping[str, str]
) -> Left:
    """A message, or a part of it, that is no item, and the name of the reason."""
    at = place.get("uid") or place.get("object", "")
    return Left(
        Item(
            key=f"{letter.message_id.strip('<>') or letter.digest}/{at}/{name}",
            version=letter.digest,
            name=name,
            sent_at=_sane(letter.sent_at, received.astimezone(UTC)),
            sender=letter.sender,
            group=letter.digest,
            detail={
                "message_id": letter.message_id,
                "subject": letter.subject,
                "author": letter.author or "",
                **letter.envelope,
                **place,
            },
        ),
        why,
    )


def _sane(sent: datetime | None, received: datetime) -> datetime:
    """When a message was sent: its Date header, unless that is in the future or long past."""
    if sent is None or not received - _OLDEST_DATE <= sent <= received + timedelta(minutes=5):
        return received
    return sent
