"""Items of mail: a file of a message as the item that the ledger knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.mailbox.containers import MessageFile
from connectors.mailbox.letter import Letter
from schemas.item import Item

_OLDEST_DATE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePart:
    """One file of a message: the part it is, or that holds it as number `inner` of `container`.

    `size` is the part's, as it was sent.
    """

    name: str
    section: str
    kind: str
    size: int
    encoding: str = ""
    container: str = ""
    inner: str = ""


def part_of(found: MessageFile) -> FilePart:
    """A file of a message that was read whole; its section is the part's number in the message."""
    return FilePart(
        name=found.name,
        section=str(found.number),
        kind=found.kind,
        size=len(found.data),
        container=found.container,
        inner=found.inner,
    )


def item_of(
    letter: Letter, received: datetime, part: FilePart, place: Mapping[str, str], number: int = 0
) -> Item:
    """The item of a file; `place` is what its source needs to find the message again, and `number`
    rises with every message that arrives.

    Key and version come from the message itself, so that a copy of it makes no second item.
    """
    at = part.section + (f".{part.inner}" if part.inner else "")
    return Item(
        key=f"{letter.message_id.strip('<>') or letter.digest}/{at}/{part.name}",
        version=f"{letter.digest}:{part.size}",
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
            **letter.envelope,
            **place,
        },
    )


def _sane(sent: datetime | None, received: datetime) -> datetime:
    """When a message was sent: its Date header, unless that is in the future or long past."""
    if sent is None or not received - _OLDEST_DATE <= sent <= received + timedelta(minutes=5):
        return received
    return sent
