"""Mistaken encodings: UTF-8 that is read under an encoding of single bytes.

Such an encoding reads any bytes: UTF-8 becomes `MÃ¡laga` and nothing fails. So each line with bytes
beyond ASCII is looked at. If all of these are UTF-8, and the characters that they make there are
ones which the declared encoding has too, it is no accident.
"""

from __future__ import annotations

import re

from schemas.errors import DataError
from schemas.language import printable

_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BEYOND = re.compile(rb"[\x80-\xff]+")
_PAIRS = ("é€".encode(), "東京".encode("shift_jis"), "漢".encode("gb18030"), b"a\0b\0")
_ENOUGH = 3
_SHOWN = 40


def is_single_byte(encoding: str) -> bool:
    """Whether each byte is a character of its own in an encoding."""
    return all(len(each.decode(encoding, "replace")) == len(each) for each in _PAIRS)


class Utf8Watch:
    """Watches a text that is declared to be in an encoding of single bytes."""

    def __init__(self, encoding: str) -> None:
        self._encoding, self._rest, self._line = encoding, b"", 1
        self._other, self._strange, self._first = False, 0, (0, b"")

    def look(self, data: bytes) -> None:
        """See the next bytes of the text, nothing at its end.

        Raises DataError with the evidence if a line is UTF-8.
        """
        text = self._rest + data
        cut = text.rfind(b"\n") + 1 if data else len(text)
        self._rest = text[cut:]
        lines = text[:cut]
        if not lines.isascii():
            self._look_at(lines)
        self._line += lines.count(b"\n")
        if not data and self._strange >= _ENOUGH and not self._other:
            raise self._mistaken(*self._first)

    def _look_at(self, lines: bytes) -> None:
        seen = -1
        for found in _BEYOND.finditer(lines):
            start = lines.rfind(b"\n", 0, found.start()) + 1
            if start == seen:
                continue
            seen = start
            end = lines.find(b"\n", found.start())
            line = lines[start : len(lines) if end < 0 else end]
            number = self._line + lines.count(b"\n", 0, start)
            if not _SEQUENCE.search(line) or not _is_utf8(line):
                self._other = True
            elif _has_all(self._encoding, line.decode()):
                raise self._mistaken(number, line)
            else:
                # Characters that the encoding does not have: an accident is possible.
                self._strange += len(_SEQUENCE.findall(line))
                self._first = self._first if self._first[0] else (number, line)

    def _mistaken(self, number: int, line: bytes) -> DataError:
        at = next((found.start() for found in _BEYOND.finditer(line)), 0)
        while at and line[at - 1 : at].isalnum():
            at -= 1
        word = re.split(rb"[,;|\t\r\n\"]", line[at:])[0][:_SHOWN]
        return DataError(
            'line {line} is UTF-8 text ("{found}"), and would be read as "{pinned}" in {encoding},'
            " as the contract says",
            hint="save the file as {encoding}, or correct dialect.encoding in the contract",
            line=number,
            found=printable(word.decode("utf-8", "replace")),
            pinned=printable(word.decode(self._encoding, "replace")),
            encoding=self._encoding,
        )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_all(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
