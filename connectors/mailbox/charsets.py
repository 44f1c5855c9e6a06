"""Charsets: the letters of a name or a header, whatever its sender calls their encoding."""

from __future__ import annotations

import codecs
import re

_KNOWN = {
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "logical": "iso-8859-8",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "tis-620": "cp874",
    "sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "ms_kanji": "cp932",
    "windows-936": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "windows-949": "cp949",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "windows-950": "cp950",
    "mac": "mac-roman",
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "utf-8-sig": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "ansi": "cp1252",
    "dos-437": "cp437",
    "dos-850": "cp850",
}
"""Names that mail programs write and Python does not know, or knows as less than is meant:
https://encoding.spec.whatwg.org/#names-and-labels"""
_ODD = re.compile(r"[^a-z0-9_.:-]")
_LONGEST = 40
_NEVER = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7")
"""No encodings of names: some take square time, or hide what a name is."""


def letters(raw: bytes, charset: str | None) -> str:
    """The text of some bytes; of an encoding that nobody knows, UTF-8 if they are that, else
    Windows-1252. What is not of the encoding becomes a mark; nothing is raised."""
    codec = _codec(charset or "")
    if codec is not None:
        try:
            return raw.decode(codec, "replace")
        except (UnicodeError, ValueError):
            pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _codec(charset: str) -> str | None:
    name = _ODD.sub("", charset[:_LONGEST].lower())
    for each in (name, name.removeprefix("x-"), name.replace("-", "", 1)):
        known = _KNOWN.get(each, each)
        try:
            found = codecs.lookup(known)
        except (LookupError, ValueError):
            continue
        is_text = getattr(found, "_is_text_encoding", True)
        return known if is_text and found.name not in _NEVER else None
    return None
