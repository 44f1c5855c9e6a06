"""Transfer encodings: the bytes of a part from the blocks it was fetched in."""

from __future__ import annotations

import binascii
import re
import string
from collections.abc import Iterable, Iterator

from schemas.errors import DataError

ENCODED = ("base64", "quoted-printable")
"""The encodings of bytes that are not mail's own."""
_DIGITS = frozenset(f"{string.ascii_letters}{string.digits}+/".encode())
_NOT_BASE64 = bytes(set(range(256)) - _DIGITS - set(b"="))
_SPACES = b" \t\r\n"
_FOOTER_BYTES = 64 * 1024
_LONGEST_LINE = 64 * 1024
_RUN = re.compile(rb"[A-Za-z0-9+/]{40}")
"""So many letters in a row are data, and no footer's words."""
_CUT = "the attachment is cut short: its {encoding} does not come to an end"
_RESEND = "send it again; a program on its way has shortened it"


def decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of a part from blocks of its transfer encoding (RFC 2045, and uuencode).

    An unknown encoding counts as none. Raises DataError for what is cut short: base64 that does
    not fill its last four letters, or goes on after its end, and uuencode without an end.
    """
    match encoding:
        case "base64":
            yield from _from_base64(blocks)
        case "quoted-printable":
            yield from _from_quoted(blocks)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            yield from _from_uuencode(blocks)
        case _:
            yield from blocks


def cut_short(encoding: str) -> DataError:
    """That the part of a message ends before its file does."""
    return DataError(_CUT, hint=_RESEND, encoding=encoding)


def _from_base64(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces that are padded each for itself, as some programs write them, follow each other."""
    rest = b""
    parts = iter(blocks)
    for block in parts:
        letters = rest + block.translate(None, _NOT_BASE64)
        at = letters.find(b"=")
        if at < 0:
            whole = len(letters) // 4 * 4
            yield binascii.a2b_base64(letters[:whole])
            rest = letters[whole:]
            continue
        # From the first padding on, lines count: a footer is told from a further piece by them.
        keep = len(letters[:at]) // 4 * 4
        yield binascii.a2b_base64(letters[:keep])
        yield from _padded(letters[keep:at], _from_padding(block), parts)
        return
    if rest:
        raise cut_short("base64")


def _from_padding(block: bytes) -> bytes:
    return block[block.index(b"=") :]


def _padded(open_: bytes, block: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """What stands from the first padding on: `open_` are the letters that it fills up."""
    pending, line = bytearray(open_), b""
    for text in _chained(block, blocks):
        lines, end, line = (line + text).rpartition(b"\n")
        whole = (lines + end).splitlines()
        for number, each in enumerate(whole):
            if not _is_data(each):
                _check_footer(b"\n".join([*whole[number:], line]), blocks)
                yield _whole(pending)
                return
            pending += each.translate(None, _SPACES)
        if len(line) > _FOOTER_BYTES and _is_data(line):
            pending += line.translate(None, _SPACES)
            line = b""
        if len(pending) > _FOOTER_BYTES:
            at = len(pending) // 4 * 4
            yield _whole(bytes(pending[:at]))
            pending = pending[at:]
    if line and _is_data(line):
        pending += line.translate(None, _SPACES)
    yield _whole(pending)


def _chained(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _is_data(line: bytes) -> bool:
    """Whether a line after the first padding can be base64 still."""
    return not line.translate(None, bytes(_DIGITS) + b"=" + _SPACES)


def _whole(letters: bytes | bytearray) -> bytes:
    """The bytes of pieces, each padded; raises DataError for letters beyond a piece's end."""
    if len(letters) % 4:
        raise cut_short("base64")
    out = bytearray()
    at = 0
    while at < len(letters):
        end = letters.find(b"=", at)
        if end < 0:
            out += binascii.a2b_base64(bytes(letters[at:]))
            break
        # Padding only ends a group of four, and has one or two signs.
        end = end // 4 * 4 + 4
        group = bytes(letters[end - 4 : end])
        if not re.fullmatch(rb"[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)", group):
            raise cut_short("base64")
        out += binascii.a2b_base64(bytes(letters[at:end]))
        at = end
    return bytes(out)


def _check_footer(begun: bytes, blocks: Iterator[bytes]) -> None:
    """Let a footer be that some server has added; raises DataError if data goes on in it."""
    footer = bytearray(begun)
    for text in blocks:
        footer += text
        if len(footer) > _FOOTER_BYTES:
            raise cut_short("base64")
    if _RUN.search(footer):
        raise cut_short("base64")


def _from_quoted(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        lines, end, rest = (rest + block).rpartition(b"\n")
        yield binascii.a2b_qp(lines + end)
        if len(rest) > _LONGEST_LINE:
            # Nobody may write such a line; it is cut where no letter of three is cut.
            at = rest.rfind(b"=", -2) if b"=" in rest[-2:] else len(rest)
            yield binascii.a2b_qp(rest[:at])
            rest = rest[at:]
    yield binascii.a2b_qp(rest)


def _from_uuencode(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """What stands between `begin` and `end`."""
    rest, begun = b"", False
    for text in _chained(b"", iter(blocks)):
        lines, end, rest = (rest + text).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise cut_short("uuencode")
        out = bytearray()
        for line in (lines + end).splitlines():
            if not begun:
                begun = line.startswith(b"begin ")
            elif line.strip() == b"end":
                yield bytes(out)
                return
            else:
                out += _uu_line(line)
        yield bytes(out)
    if begun and rest.strip() == b"end":
        return
    raise cut_short("uuencode")


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders end lines with more than they hold: the first letter says how much counts.
        size = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:size])
        except binascii.Error as error:
            raise cut_short("uuencode") from error
