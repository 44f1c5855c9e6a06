"""The encoding of a rejects file that comes back: ours, or one that a spreadsheet saved it in.

Nothing in a text names its encoding, but for a byte order mark. All of it is looked at, because a
few bytes may be words in two encodings: `\\xc2\\xb7` is a dot in UTF-8, and a road in gbk.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from schemas.errors import DataError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLOCK = 1024 * 1024
_FAR = "\u0800"
_FAR_LETTERS = "\u4e00\u0e01"
"""One of the Chinese characters, which all encodings of East Asia have, and the first of Thai."""
_AMBIGUOUS = "the file can be read as {own} and as UTF-8, and says something else in each"
_SAVE = "save it as CSV in UTF-8 with a byte order mark, and send that"


class AmbiguousTextError(DataError):
    """the bytes of a text mean something in two encodings"""


def returned_encoding(blocks: Iterable[bytes], own: str) -> str:
    """The encoding of a text that was written in `own`, as it came back, whoever saved it since.

    A text that is none in UTF-8 is in `own`. One that is may be so by chance, where `own` is of a
    script whose letters lie from U+0800 up in Unicode: its words are taken for UTF-8 only if they
    are of that script there too. Raises AmbiguousTextError where that leaves it open.
    """
    seen = _Seen(own)
    for block in blocks:
        if seen.mark is None:
            seen.mark = block[:4]
            if block.startswith(UTF_16):
                return "utf-16"
        seen.block(block)
    seen.block(b"", final=True)
    if (seen.mark or b"").startswith(codecs.BOM_UTF8):
        return "utf-8"
    is_unicode = codecs.lookup(own).name.startswith("utf-8")
    if not seen.is_utf8:
        return "cp1252" if is_unicode else own
    if not (seen.near or seen.far):
        return own
    if is_unicode or not seen.is_own or not _is_of_a_far_script(own):
        return "utf-8"
    if not seen.far:
        return own
    if seen.near or not seen.is_writable:
        raise AmbiguousTextError(_AMBIGUOUS, hint=_SAVE, own=own)
    return "utf-8"


def blocks_of(stream: BinaryIO) -> Iterator[bytes]:
    """What a stream still holds."""
    while block := stream.read(_BLOCK):
        yield block


class _Seen:
    """What a text is, read in UTF-8 and in its own encoding: whether it is one in each, and of the
    characters beyond ASCII that it has in UTF-8 whether some lie below U+0800, some from there up,
    and whether its own encoding can write them."""

    def __init__(self, own: str) -> None:
        self.mark: bytes | None = None
        self.is_utf8 = self.is_own = self.is_writable = True
        self.near = self.far = False
        self._own = own
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._other = codecs.getincrementaldecoder(own)()

    def block(self, block: bytes, *, final: bool = False) -> None:
        """Look at the next bytes."""
        if self.is_own:
            try:
                self._other.decode(block, final)
            except UnicodeDecodeError:
                self.is_own = False
        if not self.is_utf8:
            return
        try:
            text = self._utf8.decode(block, final)
        except UnicodeDecodeError:
            self.is_utf8 = False
            return
        beyond = "".join({each for each in text if not each.isascii()}) if text else ""
        self.far = self.far or any(each >= _FAR for each in beyond)
        self.near = self.near or any(each < _FAR for each in beyond)
        self.is_writable = self.is_writable and _is_writable(beyond, self._own)


def _is_of_a_far_script(encoding: str) -> bool:
    name = codecs.lookup(encoding).name
    return not name.startswith("utf") and any(_is_writable(each, encoding) for each in _FAR_LETTERS)


def _is_writable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
