"""Comparing a file with what its contract pins: the evidence when the two disagree."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.detect.dates import shown_format
from pipelines.detect.dialect import shown
from pipelines.detect.file import detect
from pipelines.detect.found import Detected, FoundColumn
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.language import Sentence, joined, printable, translate

_SURE = 0.6
_SAME_LETTERS = frozenset({"cp1252", "iso8859-1", "iso8859-15"})
_SHOWN, _COLUMNS = 60, 12


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing in which a file is not as the contract pins it. `template` and `values` make the
    sentence that says so."""

    what: str
    pinned: str
    found: str
    confidence: float
    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def render(self, language: str = "en") -> Sentence:
        """The sentence, in a sender's language."""
        return translate(self.template, language, **self.values)


def evidence(path: Path, contract: Contract, language: str = "en") -> Sentence | None:
    """In words, how a file that could not be read differs from what its contract pins; None if
    nothing is clearly different, or the file cannot be looked at."""
    try:
        detected = detect(path)
    except DataError:
        return None
    found = disagreements(detected, contract) + column_disagreements(detected, contract)
    return joined("; ", [each.render(language) for each in found[:3]], language) if found else None


def disagreements(detected: Detected, contract: Contract) -> list[Disagreement]:
    """In what the file's dialect is clearly not the contract's; the plainest first."""
    if (contract.dialect.format, detected.dialect.format) == (Format.FIXED, Format.DELIMITED):
        # Columns without a blank between them look like anything.
        return []
    found = list(_of_dialect(detected, contract))
    if not any(each.what == "delimiter" for each in found):
        found += _of_layout(detected, contract)
    return found


def column_disagreements(detected: Detected, contract: Contract) -> list[Disagreement]:
    """Columns whose dates or numbers are clearly written in another way than the contract says."""
    cells = {each.header.casefold(): each for each in detected.columns}
    found = []
    for column in contract.file_columns:
        names = (column.name, *column.headers)
        seen = next((cells[name.casefold()] for name in names if name.casefold() in cells), None)
        if seen is not None and seen.confidence >= _SURE:
            found += [*_of_dates(column, seen), *_of_numbers(column, seen, detected, contract)]
    return found


def _confidence(detected: Detected, what: str) -> float:
    return next((each.confidence for each in detected.findings if each.what == what), 0.0)


def _of_dialect(detected: Detected, contract: Contract) -> Iterator[Disagreement]:
    pinned, found = contract.dialect, detected.dialect
    if found.format is Format.FIXED and pinned.format is Format.DELIMITED:
        yield _fixed(detected, pinned)
        return
    if pinned.format != found.format:
        yield _differs("format", str(pinned.format), str(found.format), 0.95)
        return
    if not detected.ascii and not _same_encoding(pinned.encoding, found.encoding):
        sure = _confidence(detected, "encoding")
        if sure >= _SURE:
            yield _differs("encoding", pinned.encoding, found.encoding, sure)
    if found.delimiter != pinned.delimiter and len(detected.header) > 1:
        yield _delimiter(detected, pinned.delimiter)
    quoted = _confidence(detected, "quote")
    if found.quote != pinned.quote and quoted >= 0.9:
        yield _differs("quote", shown(pinned.quote) or "none", shown(found.quote) or "none", quoted)
    if found.escape != pinned.escape and found.escape:
        sure = _confidence(detected, "escape")
        yield _differs("escape", shown(pinned.escape) or "none", shown(found.escape), sure)
    if found.skip_initial_space and not pinned.skip_initial_space:
        yield Disagreement(
            "aligned",
            "no",
            "yes",
            _confidence(detected, "aligned"),
            "blanks stand before its quotes, which the contract does not say"
            " (dialect.skip_initial_space)",
        )
    if found.line_end == "\r" != pinned.line_end:
        yield _differs("line ends", "LF or CRLF", "CR", _confidence(detected, "line ends"))


def _fixed(detected: Detected, pinned: Dialect) -> Disagreement:
    fields = detected.dialect.fields
    shown = ", ".join(str(field.start) for field in fields[:_COLUMNS])
    return Disagreement(
        "format",
        str(pinned.format),
        str(detected.dialect.format),
        _confidence(detected, "fixed width"),
        "it looks like text in {count} columns of fixed width, which start at the characters"
        " {starts} of each line, where the contract says {pinned}",
        {
            "count": len(fields),
            "starts": f"{shown}, …" if len(fields) > _COLUMNS else shown,
            "pinned": str(pinned.format),
        },
    )


def _same_encoding(one: str, other: str) -> bool:
    names = {codecs.lookup(one).name, codecs.lookup(other).name}
    plain = {name.removesuffix("-sig").removesuffix("-le").removesuffix("-be") for name in names}
    return len(plain) == 1 or plain <= _SAME_LETTERS


def _differs(what: str, pinned: str, found: str, confidence: float) -> Disagreement:
    return Disagreement(
        what,
        pinned,
        found,
        confidence,
        'its {what} looks like "{found}" where the contract says "{pinned}"',
        {"what": what, "found": found, "pinned": pinned},
    )


def _delimiter(detected: Detected, pinned: str) -> Disagreement:
    found = detected.dialect.delimiter
    line = found.join(detected.header)
    values = {"found": shown(found), "pinned": shown(pinned), "line": _short(line)}
    sentence = 'it looks delimited by "{found}" where the contract says "{pinned}"'
    if pinned not in line and detected.dialect.header:
        sentence = (
            'the header has one cell "{line}": it looks delimited by "{found}" where the contract'
            ' says "{pinned}"'
        )
    sure = _confidence(detected, "delimiter")
    return Disagreement("delimiter", shown(pinned), shown(found), sure, sentence, values)


def _of_layout(detected: Detected, contract: Contract) -> Iterator[Disagreement]:
    pinned, found = contract.dialect, detected.dialect
    sure = _confidence(detected, "header")
    if sure < _SURE or not detected.columns:
        return
    if any(each.what in ("names twice", "header's cells") for each in detected.findings):
        return
    if pinned.header and not found.header:
        yield Disagreement(
            "header",
            f"{pinned.header} lines",
            "none",
            sure,
            "it seems to have no header: its first line is a row like those below it",
        )
    elif not pinned.header and found.header:
        yield Disagreement(
            "header",
            "none",
            f"line {found.preamble + 1}",
            sure,
            'it seems to have a header, "{line}", where the contract says that there is none',
            {"line": _short(found.delimiter.join(detected.header))},
        )
    elif found.preamble != pinned.preamble:
        yield Disagreement(
            "preamble",
            f"{pinned.preamble} lines",
            f"{found.preamble} lines",
            sure,
            "the header seems to be on line {found} where the contract says line {pinned}",
            {"found": found.preamble + 1, "pinned": pinned.preamble + 1},
        )
    if found.trailing_delimiter and not pinned.trailing_delimiter:
        yield Disagreement(
            "trailing delimiter",
            "no",
            "yes",
            _confidence(detected, "trailing delimiter"),
            "every line ends with a delimiter and nothing after it",
        )


def _of_dates(column: Column, seen: FoundColumn) -> Iterator[Disagreement]:
    times = (Type.DATE, Type.DATETIME, Type.TIMESTAMP, Type.TIME)
    if column.type not in times or seen.type not in times or seen.ambiguous:
        return
    if set(seen.formats) <= set(column.formats) and bool(seen.formats) == bool(column.formats):
        return
    found = " or ".join(map(shown_format, seen.formats)) or "ISO 8601"
    pinned = " or ".join(map(shown_format, column.formats)) or "ISO 8601"
    yield Disagreement(
        f"dates of {column.name}",
        pinned,
        found,
        seen.confidence,
        "{column} looks like {found} where the contract says {pinned}",
        {"column": column.name, "found": found, "pinned": pinned},
    )


def _of_numbers(
    column: Column, seen: FoundColumn, detected: Detected, contract: Contract
) -> Iterator[Disagreement]:
    if column.type not in (Type.NUMERIC, Type.BIGNUMERIC, Type.FLOAT64) or not seen.scale:
        return
    pinned = (column.numbers or contract.dialect.numbers).decimal
    found = (seen.numbers or detected.dialect.numbers).decimal
    if found != pinned and not seen.ambiguous:
        yield Disagreement(
            f"numbers of {column.name}",
            pinned,
            found,
            seen.confidence,
            '{column} has the decimal sign "{found}" where the contract says "{pinned}"',
            {"column": column.name, "found": found, "pinned": pinned},
        )


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
