"""The XML of a workbook: cells that hold an error, or a formula without a value, as texts.

Calamine gives nothing of such cells, so a copy is made in which they say what they are. This file
is imported by the process that reads a sheet, which has no other modules of ours.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

UNCALCULATED = "#UNCALCULATED!"
"""What stands in a cell whose formula was never calculated."""
_BLOCK, _LONGEST = 1024 * 1024, 8 * 1024 * 1024
_PARTS = (".xml", ".rels", "mimetype")
# Tags of cells: xlsx says `<c r="B3" t="e">`, ods
# `<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">`.
# https://learn.microsoft.com/dotnet/api/documentformat.openxml.spreadsheet.cellvalues
_XLSX_ERROR = re.compile(rb"""(<(?:\w+:)?c\s(?:[^<>]*\s)?t=["'])e(?=["'])""")
_ODS_ERROR = re.compile(rb"""<table:table-cell\s[^<>]*\bcalcext:value-type=["']error["'][^<>]*>""")
_ODS_VALUE = re.compile(rb"""\soffice:(?:string-value|value)=(?:"[^"]*"|'[^']*')""")
_ODS_UNCALCULATED = (
    b'<table:table-cell office:value-type="string"><text:p>#UNCALCULATED!</text:p>'
    b"</table:table-cell>"
)
_SIGNS = (b't="e"', b"t='e'", b"calcext", b"<f", b":f", b"formula=")
_TEXT_TYPE, _ANY_TYPE = re.compile(rb"""\bt=["']str["']"""), re.compile(rb"""\st=["']\w+["']""")
_ODS_TYPE = re.compile(rb"""(\soffice:value-type=["'])\w+""")


_XLSX_FORMULA = re.compile(
    rb"<((?:\w+:)?c)\b([^<>]*)>\s*+<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*+"
    rb"(<(?:\w+:)?v\s*+/>|<(?:\w+:)?v>\s*+</(?:\w+:)?v>)?\s*+</(?:\w+:)?c>"
)
_ODS_FORMULA = re.compile(
    rb"<table:table-cell\b(?=[^<>]*\btable:formula=)(?![^<>]*office:value-type=)[^<>]*/>"
)


def with_error_texts(path: str, folder: str) -> str:
    """The workbook's own path, or that of a copy whose error cells are texts."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as book:
        parts = [each for each in book.infolist() if each.filename.endswith(_PARTS)]
        if not any(_has_errors(book, each) for each in parts):
            return path
        copy = f"{folder}/book"
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as other:
            for each in parts:
                with other.open(each.filename, "w", force_zip64=True) as out:
                    out.writelines(map(_as_text, _tags(book, each)))
    return copy


def _has_errors(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    return any(
        any(sign in some for sign in _SIGNS) and _as_text(some) != some
        for some in _tags(book, part)
    )


def _as_text(some: bytes) -> bytes:
    """Some XML with the cells that hold an error, or a formula without a value, typed as texts."""
    some = _ODS_ERROR.sub(_ods_text, _XLSX_ERROR.sub(rb"\1str", some))
    if b"formula=" in some:
        some = _ODS_FORMULA.sub(_ODS_UNCALCULATED, some)
    return _XLSX_FORMULA.sub(_xlsx_text, some) if b"<f" in some or b":f" in some else some


def _xlsx_text(cell: re.Match[bytes]) -> bytes:
    """A cell with a formula that was never calculated as a text that says so. A text without
    letters is what a formula may well come to."""
    name, attributes, value = cell.groups()
    if value is not None and _TEXT_TYPE.search(attributes):
        return cell[0]
    kept = _ANY_TYPE.sub(b"", attributes)
    word = UNCALCULATED.encode()
    v = name.removesuffix(b"c") + b"v"
    return b'<%b%b t="str"><%b>%b</%b></%b>' % (name, kept, v, word, v, name)


def _ods_text(tag: re.Match[bytes]) -> bytes:
    return _ODS_TYPE.sub(rb"\1string", _ODS_VALUE.sub(b"", tag[0]))


def _tags(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """A part in blocks that cut no tag but those of absurd length."""
    rest = b""
    with book.open(part) as stream:
        while block := stream.read(_BLOCK):
            block = rest + block
            cut = block.rfind(b"</c>") + 4
            if cut < 4:
                cut = block.rfind(b"<")
            if cut < 0 or b">" in block[cut:] or len(block) > _LONGEST:
                cut = len(block)
            rest = block[cut:]
            yield block[:cut]
    yield rest
