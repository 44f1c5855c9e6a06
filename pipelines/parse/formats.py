"""Number formats of a workbook that show other digits than its numbers have, such as 00000.

Read from the XML of an .xlsx beside what Calamine reads, which knows no formats. This file is
imported by the process that reads a sheet, which has no other modules of ours.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

_BLOCK = 1024 * 1024
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_TAG = re.compile(rb"<(?:\w+:)?(row|c)\b([^<>]*)>")
_ATTRIBUTE = re.compile(rb"""\b(r|s)=["']([^"']*)["']""")
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|([-() /])')


def masks_of(book: zipfile.ZipFile) -> dict[int, str]:
    """The formats by cell style of which every digit is a 0, with or without signs between: what
    they show of a number may begin with zeros."""
    try:
        root = ElementTree.parse(book.open("xl/styles.xml")).getroot()  # noqa: S314
    except (KeyError, ElementTree.ParseError):
        return {}
    codes = {
        int(each.get("numFmtId", 0)): each.get("formatCode", "")
        for each in root.iter(f"{_MAIN}numFmt")
    }
    styles = root.find(f"{_MAIN}cellXfs")
    found = {}
    for at, each in enumerate(styles if styles is not None else ()):
        code = codes.get(int(each.get("numFmtId", 0)), "").split(";")[0]
        bare = _LITERAL.sub("", code)
        if len(bare) > 1 and set(bare) == {"0"}:
            found[at] = code
    return found


def masked_cells(
    book: zipfile.ZipFile, sheet: str, masks: dict[int, str]
) -> Iterator[tuple[int, int, str]]:
    """The row, the column (both from 1) and the format of each cell of a sheet that has one of the
    formats, in their order."""
    part = _part_of(book, sheet)
    if part is None:
        return
    row = column = 0
    with book.open(part) as stream:
        for name, attributes in _tags(stream):
            told = dict(_ATTRIBUTE.findall(attributes))
            if name == b"row":
                row, column = int(told.get(b"r", row + 1)), 0
                continue
            column = _column_of(told[b"r"]) if b"r" in told else column + 1
            style = told.get(b"s")
            if style is not None and int(style) in masks:
                yield row, column, masks[int(style)]


def shown(number: str, mask: str) -> str:
    """A whole number of digits as a format shows it: 1082 under 00000 as 01082."""
    zeros = _LITERAL.sub("", mask).count("0")
    digits = number.lstrip("-").rjust(zeros, "0")
    out, left = [], digits
    # From the right: each 0 takes a digit, and the first one all that are left.
    pieces = re.findall(r'"[^"]*"|\\.|.', mask)
    places = sum(piece == "0" for piece in pieces)
    for piece in reversed(pieces):
        if piece == "0":
            places -= 1
            take = left if places == 0 else left[-1:]
            out.append(take)
            left = left[: len(left) - len(take)]
        else:
            out.append(piece.strip('"').removeprefix("\\"))
    return ("-" if number.startswith("-") else "") + "".join(reversed(out))


def _tags(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    rest = b""
    while block := stream.read(_BLOCK):
        block = rest + block
        cut = block.rfind(b"<")
        if cut < 0 or b">" in block[cut:]:
            cut = len(block)
        rest = block[cut:]
        yield from _TAG.findall(block[:cut])
    yield from _TAG.findall(rest)


def _part_of(book: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of the part that holds a sheet."""
    try:
        main = ElementTree.parse(book.open("xl/workbook.xml")).getroot()  # noqa: S314
        relations = ElementTree.parse(book.open("xl/_rels/workbook.xml.rels")).getroot()  # noqa: S314
    except (KeyError, ElementTree.ParseError):
        return None
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in main.iter(f"{_MAIN}sheet"):
        if each.get("name") == sheet:
            target = targets.get(each.get(f"{_REL}id"), "").lstrip("/")
            path = target if target.startswith("xl/") else f"xl/{target}"
            return path if path in book.NameToInfo else None
    return None


def _column_of(cell: bytes) -> int:
    number = 0
    for letter in cell.upper():
        if not 65 <= letter <= 90:
            break
        number = number * 26 + letter - 64
    return number
