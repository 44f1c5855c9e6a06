"""Sender headers: who sent a message, and whether it may be answered, by its header.

Where nobody asked for an answer, or a program would read it, none is sent: RFC 3834, section 2.
"""

from __future__ import annotations

import re
from email.errors import MisplacedEnvelopeHeaderDefect
from email.message import Message

from schemas.address import Address, AddressError, addresses_in

OUR_RECEIPT = "it is a receipt of ours"
_LONGEST = 4000
_DAEMON = re.compile(
    r"(mailer-daemon|postmaster|listserv|majordomo|no-?reply|do-?not-?reply)([+.-].*)?"
    r"|owner-.*|.*-(request|owner|bounces?)",
    re.IGNORECASE,
)
"""Local parts behind which no person reads."""
_BULK = ("bulk", "list", "junk")


def named_address(message: Message, name: str) -> Address | None:
    """The one address that a header names; None if it is missing, or names several or none."""
    values = _as_sent(message, name)
    try:
        found = addresses_in(values[0]) if len(values) == 1 else ()
    except AddressError:
        return None
    return found[0] if len(found) == 1 else None


def envelope_of(message: Message) -> dict[str, str]:
    """What to keep of a message's header, by name; nothing for what it does not have.

    `authentication_results`: those headers' values, a line each, the topmost first.
    `references`: the ids of the messages before this one. `no_reply`: why it must not be answered.
    `doubtful_sender`: why its From does not say who sent it.
    """
    facts = {
        "authentication_results": "\n".join(_values(message, "Authentication-Results")),
        "references": " ".join(_values(message, "References"))[-_LONGEST:],
        "in_reply_to": " ".join(_values(message, "In-Reply-To"))[:_LONGEST],
        "no_reply": _no_reply(message) or "",
        "doubtful_sender": _doubtful(message) or "",
    }
    return {name: value for name, value in facts.items() if value}


def trust_of(message: Message) -> str:
    """All that a message's header says of whom to trust: a copy that somebody forges under its
    Message-ID cannot say the same. Empty if it says nothing."""
    told = [*_values(message, "DKIM-Signature"), *_values(message, "Authentication-Results")]
    return "\n".join([*told, *filter(None, [_several(message)])])


def is_bounce(message: Message) -> bool:
    """Whether a mail server reports on a message of ours (RFC 3464, RFC 8098): its attachments
    are our own."""
    return message.get_content_type() == "multipart/report" or "X-Failed-Recipients" in message


def is_receipt(message: Message) -> bool:
    """Whether the message is one of our receipts: its attachments are our own."""
    return "X-Waybill-Receipt" in message


def why_passed_over(message: Message) -> str | None:
    """Why the message brings no file of anybody's; None for one whose files are read.

    A program's own mail (`auto-generated`) brings reports as a person's does, and often has an
    empty return path; what answers a mail, or reports on one, brings none.
    """
    if is_receipt(message):
        return OUR_RECEIPT
    if is_bounce(message):
        return "a mail server reports on a mail of ours"
    automatic = _keyword(message, "Auto-Submitted")
    if automatic == "auto-replied":
        return "it is an automatic reply"
    if automatic != "auto-generated" and _is_returned(message):
        return "its return path is empty, as that of a bounce"
    return None


def _no_reply(message: Message) -> str | None:
    if _is_returned(message):
        return "its return path is empty, as that of a bounce"
    automatic = _values(message, "Auto-Submitted")
    if automatic and automatic[0].lower() != "no":
        return f"it is automatic (Auto-Submitted: {automatic[0][:60]})"
    lists = [name for name in message.keys() if name.lower().startswith("list-")]  # noqa: SIM118
    if lists or "Mailing-List" in message:
        return f"it came by a mailing list ({lists[0] if lists else 'Mailing-List'})"
    for value in _values(message, "Precedence"):
        if value.lower() in _BULK:
            return f"it is sent to many (Precedence: {value.lower()})"
    suppressed = " ".join(_values(message, "X-Auto-Response-Suppress")).lower()
    if re.search(r"\b(all|autoreply)\b", suppressed):
        return "its sender wants no automatic replies (X-Auto-Response-Suppress)"
    author = named_address(message, "From")
    if author is None:
        return "its From names no one plain address"
    if _DAEMON.fullmatch(author.local):
        return f"nobody reads mail to {author}"
    return None


def _is_returned(message: Message) -> bool:
    paths = _values(message, "Return-Path")
    return bool(paths) and not paths[0].strip("<> ")


def _keyword(message: Message, name: str) -> str:
    """A header's keyword without its parameters and comments, in small letters."""
    values = _values(message, name) or [""]
    return re.split(r"[;\s(]", values[0], maxsplit=1)[0].lower()


def _doubtful(message: Message) -> str | None:
    """Why a person may be shown another From than the one that was authenticated; None if not."""
    if several := _several(message):
        return several
    if any(isinstance(each, MisplacedEnvelopeHeaderDefect) for each in message.defects):
        return "the message has a second From line, with a blank before its colon"
    try:
        addresses_in(_as_sent(message, "From")[0])
    except AddressError as error:
        return f"its From {error.message}"
    return None


def _several(message: Message) -> str | None:
    values = _as_sent(message, "From")
    if len(values) != 1:
        return f"the message has {len(values)} From lines"
    try:
        found = addresses_in(values[0])
    except AddressError:
        return None
    return f"its From names {len(found)} addresses" if len(found) != 1 else None


def _values(message: Message, name: str) -> list[str]:
    """All values of a header, each on one line, but for what cannot be read."""
    return [" ".join(value.split()) for value in _as_sent(message, name)]


def _as_sent(message: Message, name: str) -> list[str]:
    wanted = name.lower()
    return [str(value) for header, value in message.raw_items() if header.lower() == wanted]
