"""Structure: the parts of a message that may be files, from the server's BODYSTRUCTURE.

https://www.rfc-editor.org/rfc/rfc3501#section-7.4.2 says how the nested lists are built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imapclient.response_types import BodyData

from connectors.mailbox.decode import ENCODED
from schemas.errors import DataError

_DEEPEST, _MAX = 50, 1000
_LINK = "message/external-body"
"""Only says where a file is: nothing is fetched from elsewhere."""
_TEXTS = ("text/plain", "text/html", "text/enriched", "text/calendar")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part: its section number, the section that its MIME headers are, its kind, its size in
    bytes as it is encoded, and the sections of the headers of the messages it is forwarded in.

    `is_text` is one that the mail itself says, and no file; `is_last` is the message's last part.
    """

    section: str
    headers: str
    kind: str
    size: int
    forwarded: tuple[str, ...] = ()
    is_text: bool = False
    is_last: bool = False


class BrokenStructureError(DataError):
    """The server's account of a message cannot be read."""


def leaves(body: Sequence[Any]) -> list[Leaf]:
    """The parts that may be files, also of messages within the message."""
    return [each for each in all_leaves(body) if not each.is_text]


def all_leaves(body: Sequence[Any]) -> list[Leaf]:
    """All parts, also of messages within the message.

    Raises DataError for a message of more parts, or more deeply nested, than an honest one, and
    BrokenStructureError for what is no structure: the message itself may be fine.
    """
    found: list[Leaf] = []
    try:
        for leaf in _walk(body, "", "", 0):
            found.append(leaf)
            if len(found) > _MAX:
                raise DataError(f"the message has more than {_MAX:,} parts")
    except (TypeError, IndexError, AttributeError) as error:
        raise BrokenStructureError("the server tells no structure of the message") from error
    return [*found[:-1], *(replace(each, is_last=True) for each in found[-1:])]


def _walk(
    body: Sequence[Any], section: str, headers: str, depth: int, forwarded: tuple[str, ...] = ()
) -> Iterator[Leaf]:
    if depth > _DEEPEST:
        raise DataError("the message nests too deeply to be read")
    if isinstance(body[0], list):
        if _is_hollow(body[0]):
            raise BrokenStructureError("a multipart is encoded as a whole: the server sees nothing")
        for number, child in enumerate(body[0], start=1):
            at = f"{section}.{number}" if section else str(number)
            yield from _walk(child, at, f"{at}.MIME", depth + 1, forwarded)
        return
    # Within a message that has but one part, that part is 1, and the message's headers are its own.
    is_message = not section or headers.endswith(".HEADER")
    own = (f"{section}.1" if section else "1") if is_message else section
    kind = f"{_text(body[0])}/{_text(body[1])}"
    # A message that is encoded (against RFC 2046, but done) is taken apart once it is decoded.
    is_open = len(body) > 8 and isinstance(body[8], tuple) and _text(body[5]) not in ENCODED
    if kind == "message/rfc822" and is_open:
        inner = f"{own}.HEADER"
        yield from _walk(BodyData.create(body[8]), own, inner, depth + 1, (*forwarded, inner))
    elif kind != _LINK:
        is_text = kind in _TEXTS and not _may_be_named(body)
        yield Leaf(own, headers or "HEADER", kind, _size(body), forwarded, is_text)


def _is_hollow(children: Sequence[Any]) -> bool:
    """Whether a multipart seems to hold but an empty text: so it does to a server that finds no
    boundary in it, because somebody has encoded all of it."""
    if len(children) != 1 or isinstance(children[0][0], list):
        return False
    [child] = children
    return _text(child[0]) == "text" and _size(child) == 0


def _may_be_named(body: Sequence[Any]) -> bool:
    """Whether a text has, or may have, a file's name."""
    if len(body) < 10:
        return True
    names = [_text(each) for each in (body[2] or ())[::2]]
    return body[9] is not None or any(name.startswith("name") for name in names)


def _text(value: Any) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).lower()


def _size(body: Sequence[Any]) -> int:
    return body[6] if len(body) > 6 and isinstance(body[6], int) else 0
