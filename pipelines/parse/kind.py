"""The kind of a file, told by its first bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Set
from enum import StrEnum
from pathlib import Path
from typing import IO

from schemas.errors import DataError


class Kind(StrEnum):
    """What a file is, in a person's words."""

    TEXT = "text"
    GZIP = "a gzip file"
    BZIP2 = "a bzip2 file"
    XZ = "an xz file"
    ZSTD = "a zstd file"
    ZIP = "a zip archive"
    TAR = "a tar archive"
    WORKBOOK = "a workbook"
    OLD_WORKBOOK = "an old Office file"
    PARQUET = "a Parquet file"
    PDF = "a PDF"
    HTML = "a web page"
    XML_WORKBOOK = "a spreadsheet in XML (of Excel 2003)"
    XML = "an XML file"
    IMAGE = "a picture"
    PROGRAM = "a program"


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLD_WORKBOOK),
    (b"PAR1", Kind.PARQUET),
    (b"%PDF-", Kind.PDF),
    (b"\x89PNG", Kind.IMAGE),
    (b"\xff\xd8\xff", Kind.IMAGE),
    (b"GIF8", Kind.IMAGE),
    (b"\x7fELF", Kind.PROGRAM),
    (b"\xcf\xfa\xed\xfe", Kind.PROGRAM),
    (b"\xca\xfe\xba\xbe", Kind.PROGRAM),
)
_HTML = (b"<!doctype html", b"<html", b"<table", b"<head", b"<body", b"<meta", b"<style", b"<div")
_PARTS = ("[Content_Types].xml", "content.xml")
_RESAVE = "open it in a spreadsheet, save it as .xlsx or CSV, and send that"

PACKED = frozenset({Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD, Kind.ZIP, Kind.TAR})
"""The kinds that hold files of other kinds."""


def unknown_kinds(names: Iterable[str]) -> list[str]:
    """The names that are no kind's (`text`, `workbook`, …)."""
    return [name for name in names if name.upper() not in Kind.__members__]


def kind_of(file: Path | IO[bytes]) -> Kind:
    """The kind of a file, or of the beginning of one (then a workbook counts as a zip)."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            kind = kind_of(opened)
        return Kind.WORKBOOK if kind is Kind.ZIP and _has_sheets(file) else kind
    head = file.read(1024)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"MZ") and b"\x00" in head:
        return Kind.PROGRAM
    if head[257:262] == b"ustar":
        return Kind.TAR
    return _marked_up(head)


def _marked_up(head: bytes) -> Kind:
    """The kind of a text that may begin with a tag: also one that is named .xls."""
    text = head
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore").encode()
    start = text.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"urn:schemas-microsoft-com:office:spreadsheet" in start and start.startswith(b"<"):
        return Kind.XML_WORKBOOK
    if start.startswith(_HTML):
        return Kind.HTML
    return Kind.XML if start.startswith(b"<?xml") else Kind.TEXT


def refuse_other(kind: Kind, kinds: Set[Kind], said: str, name: str | None = None) -> None:
    """Raise DataError when the bytes are of none of the kinds of the format that the contract
    declares, as it is `said`."""
    if kind in kinds:
        return
    raise DataError(
        "{file} is {kind}, the contract expects {declared}",
        hint=_RESAVE
        if kind in (Kind.XML_WORKBOOK, Kind.HTML)
        else "send it in the agreed format, or correct dialect.format in the contract",
        file=name or "the file",
        kind=kind,
        declared=said,
    )


def _has_sheets(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(part in archive.NameToInfo for part in _PARTS)
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False
