r"""Escapes: what a backslash and a letter mean, as MySQL and its kin write them.

A CSV reader takes the backslash away and keeps the letter, so that `\N`, which is NULL, becomes the
letter N. So they are hidden from it, behind characters that no text holds, and shown afterwards.
https://dev.mysql.com/doc/refman/8.4/en/load-data.html
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dialect import Dialect

_MEANINGS = {"N": None, "t": "\t", "n": "\n", "r": "\r", "b": "\b", "Z": "\x1a"}
# Unicode sets these code points aside for what a program does inside itself.
_HIDDEN = {letter: chr(0xFDD0 + at) for at, letter in enumerate(_MEANINGS)}
_BACKSLASH = "\ufddf"
_NULL = _HIDDEN["N"]
_LEAD = b"\xef\xb7"
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPE_TEXT = re.compile(r"\\(.)", re.DOTALL)


def has_meanings(dialect: Dialect) -> bool:
    """Whether letters behind the dialect's escape mean something."""
    return dialect.escape == "\\"


def hidden(block: bytes) -> bytes:
    """A block without a letter or digit behind a backslash."""
    if b"\\" not in block:
        return block
    return _ESCAPE.sub(lambda found: _hidden(found[1].decode("latin-1")) or found[0], block)


def hidden_text(text: str) -> str:
    """The same of a text."""
    if "\\" not in text:
        return text
    return _ESCAPE_TEXT.sub(lambda found: (_hidden(found[1]) or found[0].encode()).decode(), text)


def _hidden(letter: str) -> bytes:
    if letter in _HIDDEN:
        return _HIDDEN[letter].encode()
    return (_BACKSLASH + letter).encode() if letter.isascii() and letter.isalnum() else b""


def meant(column: pa.ChunkedArray) -> pa.ChunkedArray:
    r"""The cells with what their escapes mean; one that is just `\N` is null."""
    if not pc.any(pc.match_substring_regex(column, r"[\x{FDD0}-\x{FDDF}]")).as_py():
        return column
    column = pc.if_else(pc.equal(column, _NULL), pa.scalar(None, pa.string()), column)
    for letter, meaning in _MEANINGS.items():
        column = pc.replace_substring(column, _HIDDEN[letter], meaning or f"\\{letter}")
    return pc.replace_substring(column, _BACKSLASH, "\\")


def meant_text(cell: str) -> str | None:
    r"""The same of one cell."""
    if cell == _NULL:
        return None
    for letter, meaning in _MEANINGS.items():
        cell = cell.replace(_HIDDEN[letter], meaning or f"\\{letter}")
    return cell.replace(_BACKSLASH, "\\")


def is_hiding(block: bytes) -> bool:
    """Whether a block has anything hidden in it."""
    return _LEAD in block


def raw(text: str) -> str:
    """A hidden text as it stands in the file."""
    for letter, sign in _HIDDEN.items():
        text = text.replace(sign, f"\\{letter}")
    return text.replace(_BACKSLASH, "\\")
