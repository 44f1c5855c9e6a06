"""Text: a stream of bytes in the declared encoding as UTF-8 blocks cut at the ends of records."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.parse.mistaken import Utf8Watch, is_single_byte
from pipelines.parse.records import last_record_end
from schemas.dialect import Dialect
from schemas.errors import DataError

_BLOCKS_PER_RECORD = 4
_MARK = "waybill.mark"
_UNIT, _FIELD = "\x1f", "\x1c"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class DelimiterSubstitution:
    """Delimiters and line ends that no CSV reader knows, exchanged for ones that all do.

    The exchange is undone in the cells: `reveal`. Arrow and the csv module want a delimiter of one
    byte and lines that end in LF.
    """

    delimiter: str
    line_end: str

    @classmethod
    def of(cls, dialect: Dialect) -> DelimiterSubstitution:
        """What must be exchanged for a dialect; nothing for an ordinary one."""
        plain = len(dialect.delimiter) == 1 and dialect.delimiter.isascii()
        usual = dialect.line_end in ("", "\n", "\r\n")
        return cls("" if plain else dialect.delimiter, "" if usual else dialect.line_end)

    @property
    def is_needed(self) -> bool:
        """Whether anything is exchanged."""
        return bool(self.delimiter or self.line_end)

    def hide(self, text: str) -> str:
        """The text as a CSV reader knows it; raises DataError where that is ambiguous."""
        if any(mark in text for mark in (_UNIT, _FIELD)):
            raise DataError(
                "the file has control characters (0x1C or 0x1F), which cannot be read together"
                " with a delimiter of several characters or an unusual line end",
                hint="export it with a delimiter of one character and LF at the line ends",
            )
        if self.line_end:
            text = text.replace("\n", _FIELD).replace(self.line_end, "\n")
        return text.replace(self.delimiter, _UNIT) if self.delimiter else text

    def reveal(self, text: str) -> str:
        """The text as it stands in the file."""
        if self.delimiter:
            text = text.replace(_UNIT, self.delimiter)
        if self.line_end:
            text = text.replace("\n", self.line_end).replace(_FIELD, "\n")
        return text

    def readable(self, dialect: Dialect) -> str:
        """The delimiter that the hidden text has."""
        return _UNIT if self.delimiter else dialect.delimiter


def without_marks(block: bytes) -> bytes:
    """A block without the byte order marks at the beginnings of its lines, which files have that
    were put together."""
    # One byte is found ten times as fast as three.
    if b"\xef" not in block or codecs.BOM_UTF8 not in block:
        return block
    return block.removeprefix(codecs.BOM_UTF8).replace(b"\n" + codecs.BOM_UTF8, b"\n")


class Blocks:
    """UTF-8 blocks of whole records, LF last.

    They are cut where the quotes say that a record ends. Where a stray quote misleads that, the
    reader finds the record's beginning in the block and gives it back. A quote that is never closed
    does not hold up what follows: after a few blocks the text is cut at a line end all the same.
    """

    def __init__(
        self,
        stream: BinaryIO,
        dialect: Dialect,
        substitution: DelimiterSubstitution,
        block_bytes: int,
    ) -> None:
        self._texts = _utf8(stream, dialect, substitution, block_bytes)
        self._dialect, self._most = dialect, _BLOCKS_PER_RECORD * block_bytes
        self._rest, self._ended = b"", False
        self.line_end = ""
        """What the first line ends with, once a block was read: LF or CR LF."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next block; raises DataError for a record longer than a few blocks."""
        while not self._ended:
            text = next(self._texts, None)
            if text is None:
                self._ended = True
                break
            self._rest += text
            end = last_record_end(self._rest, self._dialect)
            if not end and len(self._rest) > self._most:
                end = self._rest.rfind(b"\n") + 1
                if not end:
                    raise DataError(
                        "one record is longer than {most:,} bytes",
                        hint="check the line ends and the quotes of the file",
                        most=self._most,
                    )
            if end:
                block, self._rest = self._rest[:end], self._rest[end:]
                return self._seen(block)
        block, self._rest = self._rest, b""
        if not block:
            raise StopIteration
        return self._seen(block if block.endswith(b"\n") else block + b"\n")

    def _seen(self, block: bytes) -> bytes:
        if not self.line_end:
            self.line_end = "\r\n" if block[: block.find(b"\n")].endswith(b"\r") else "\n"
        return block

    def give_back(self, text: bytes) -> bool:
        """Take back the end of the last block, which is the beginning of a record; False if more
        text would not help."""
        if self._ended or len(text) > self._most:
            return False
        self._rest = text + self._rest
        return True


def _utf8(
    stream: BinaryIO, dialect: Dialect, substitution: DelimiterSubstitution, size: int
) -> Iterator[bytes]:
    """The stream's text as UTF-8 without a byte order mark; bytes that are not text in the
    encoding stay as they are, so that their rows can be named."""
    name = _codec(stream_start := stream.read(size), dialect.encoding)
    plain = name in ("utf-8", "utf-8-sig", "ascii") and not substitution.is_needed
    decoder = codecs.getincrementaldecoder(name)(_MARK)
    held, first = "", True
    data = stream_start
    watch = Utf8Watch(dialect.encoding) if not plain and is_single_byte(name) else None
    while data:
        if watch is not None:
            watch.look(data)
        if plain:
            yield data.removeprefix(codecs.BOM_UTF8) if first else data
        else:
            text = held + _decoded(decoder, data, dialect.encoding)
            if first:
                text = text.removeprefix("\ufeff")
            cut = len(text) - max(
                _begun(text, substitution.delimiter), _begun(text, substitution.line_end)
            )
            text, held = text[:cut], text[cut:]
            yield _encoded(text, substitution)
        first = False
        data = stream.read(size)
    if watch is not None:
        watch.look(b"")
    if not plain:
        yield _encoded(held + _decoded(decoder, b"", dialect.encoding), substitution)


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes, encoding: str) -> str:
    """The text of a piece, the last one if it is empty."""
    try:
        return decoder.decode(data, not data)
    except UnicodeError as error:
        raise DataError(
            "the file is not {encoding} text",
            hint="save the file as {encoding}, or correct dialect.encoding in the contract",
            encoding=encoding,
        ) from error


def _begun(text: str, mark: str) -> int:
    """How many characters at the end may be the beginning of a mark that goes on in the next
    piece."""
    if len(mark) < 2:
        return 0
    rest = text.split(mark)[-1]
    return next((size for size in range(len(mark) - 1, 0, -1) if rest.endswith(mark[:size])), 0)


def _encoded(text: str, substitution: DelimiterSubstitution) -> bytes:
    shown = substitution.hide(text) if substitution.is_needed else text
    try:
        return shown.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise DataError(
            "the file has characters that are no text", hint="correct dialect.encoding"
        ) from error


def _marked(error: UnicodeError) -> tuple[str, int]:
    """What stands in the text for bytes that are none: `surrogateescape`, and for ASCII bytes of
    wider encodings, which that does not know, the mark of 0x80."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + max(byte, 0x80)) for byte in wrong), error.end


codecs.register_error(_MARK, _marked)


def _codec(start: bytes, declared: str) -> str:
    """The codec to read with: the declared one, and UTF-8 for ASCII, which it contains.

    Raises DataError when the file begins with the mark of another encoding.
    """
    name = codecs.lookup(declared).name
    marked = next((each for mark, each in _MARKS.items() if start.startswith(mark)), None)
    family = (marked or "").removesuffix("-sig")
    if marked is not None and name != "ascii" and not name.startswith(family):
        raise DataError(
            "the file begins with the mark of {found} text, the contract says {declared}",
            hint="save the file as {declared}, or correct dialect.encoding in the contract",
            found=family.upper(),
            declared=declared,
        )
    return "utf-8" if name == "ascii" else name
