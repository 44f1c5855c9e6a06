"""Transfer encodings: the bytes of a part from the blocks it was fetched in."""

from __future__ import annotations

import binascii
import string
from collections.abc import Iterable, Iterator
from email import message_from_bytes

from schemas.errors import DataError

ENCODED = ("base64", "quoted-printable")
"""The encodings of bytes that are not mail's own."""
_BASE64 = f"{string.ascii_letters}{string.digits}+/=".encode()
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


def decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of a part from blocks of its transfer encoding (RFC 2045, and uuencode).

    An unknown encoding counts as none. Raises DataError for base64 that is cut short.
    """
    match encoding:
        case "base64":
            yield from _from_base64(blocks)
        case "quoted-printable":
            yield from _from_quoted(blocks)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            whole = b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + b"".join(blocks)
            payload = message_from_bytes(whole).get_payload(decode=True)
            yield payload if isinstance(payload, bytes) else b""
        case _:
            yield from blocks


def _from_base64(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        digits, padding, _ = (rest + block.translate(None, _NOT_BASE64)).partition(b"=")
        whole = len(digits) // 4 * 4
        yield binascii.a2b_base64(digits[:whole])
        rest = digits[whole:]
        if padding:
            # What follows the end is a footer that some server has added.
            break
    if len(rest) == 1:
        raise DataError("the attachment's base64 is cut short")
    yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4))


def _from_quoted(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        lines, end, rest = (rest + block).rpartition(b"\n")
        yield binascii.a2b_qp(lines + end)
    yield binascii.a2b_qp(rest)
