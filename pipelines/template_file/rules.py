"""A contract's rules in words, for people who fill in a template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.parse.registry import reader_of
from pipelines.rejects.messages import sentence
from pipelines.template_file.layout import Layout
from pipelines.validate.rules import columns_of
from schemas.contract import Column, FromNow, Type
from schemas.dialect import Dialect, Format
from schemas.language import printable, render, translate

_LETTERS = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%H": "hh", "%I": "hh", "%M": "mm",
    "%S": "ss", "%f": "ffffff", "%z": "+hh:mm", "%p": "AM/PM", "%j": "DDD", "%B": "MMMM",
    "%b": "MMM", "%A": "EEEE", "%a": "EEE", "%%": "%",
}  # fmt: skip
_ISO = {
    Type.DATE: "YYYY-MM-DD",
    Type.DATETIME: "YYYY-MM-DD hh:mm:ss",
    Type.TIMESTAMP: "YYYY-MM-DDThh:mm:ssZ",
    Type.TIME: "hh:mm:ss",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRules:
    """What is asked of a column: its name in the header, what it means, whether it must be filled
    in, how its values are written, further rules, and an example of one."""

    header: str
    means: str
    needed: str
    written: str
    rules: tuple[str, ...]
    example: str


def titles(language: str) -> Sequence[str]:
    """The headings of the columns' rules."""
    return (
        translate("Column", language),
        translate("Needed", language),
        translate("How it is written", language),
        translate("Rules", language),
        translate("Example", language),
        translate("What it means", language),
    )


def column_rules(layout: Layout, language: str) -> list[ColumnRules]:
    """The rules of each column, in the order of the template's cells."""
    return [
        _of_column(column, header, layout, language)
        for column, header in zip(layout.columns, layout.spellings, strict=True)
        if column is not None
    ]


def general_rules(layout: Layout, language: str, sheet: str | None) -> Iterator[str]:
    """What is to be done with the template, and the rules about rows and files. With a `sheet` it
    is a workbook, whose rows are in that sheet."""
    contract = layout.contract
    if contract.description:
        yield printable(contract.description)
    if sheet is not None:
        yield translate(
            'Write your rows into the sheet "{sheet}", from row {row:,} on.', language,
            sheet=sheet, row=layout.first_row + layout.origin[0],
        )  # fmt: skip
    if layout.examples:
        yield translate("What stands there is an example: write over it.", language)
    if sheet is not None and not reader_of(contract.dialect.format).traits.is_sheet:
        yield translate("Then save that sheet as text, and send the text: {form}.", language,
                        form=_form(contract.dialect, language))  # fmt: skip
    elif sheet is None:
        yield translate("The file is {form}.", language, form=_form(contract.dialect, language))
    for rule in contract.expectations:
        if len(set(columns_of(rule))) != 1 and not _moves(rule.kwargs.values()):
            yield printable(render(sentence(rule), language))
    if len(contract.primary_key) > 1:
        names = ", ".join(contract.primary_key)
        yield translate("No two rows have the same {columns}.", language, columns=names)


def rules_text(layout: Layout, language: str) -> str:
    """All rules as a plain text."""
    lines = [*general_rules(layout, language, None), ""]
    for each in column_rules(layout, language):
        lines.append(f"{each.header} ({each.needed})")
        lines += [f"  {text}" for text in (each.means, each.written, *each.rules) if text]
        if each.example:
            lines.append(f"  {translate('Example', language)}: {each.example}")
    return "\r\n".join(lines) + "\r\n"


def _of_column(column: Column, header: str, layout: Layout, language: str) -> ColumnRules:
    contract = layout.contract
    is_needed = column.required or column.name in contract.primary_key
    rules = [
        printable(render(sentence(rule), language))
        for rule in contract.expectations
        if columns_of(rule) == (column.name,) and not _moves(rule.kwargs.values())
    ]
    if column.unique or contract.primary_key == (column.name,):
        rules.insert(0, translate("each value only once", language))
    cell = layout.cells.get(column.name)
    return ColumnRules(
        header=header,
        means=printable(column.description or ""),
        needed=translate("required" if is_needed else "optional", language),
        written=written_as(column, contract.dialect, language),
        rules=tuple(dict.fromkeys(rules)),
        example=cell.text if cell is not None and cell.value is not None else "",
    )


def written_as(column: Column, dialect: Dialect, language: str) -> str:
    """How values of a column are written."""
    if column.repeated:
        return translate("a list in JSON", language)
    match column.type:
        case Type.STRING if column.max_length:
            return translate("a text of at most {most:,} characters", language,
                             most=column.max_length)  # fmt: skip
        case Type.STRING:
            return translate("a text", language)
        case Type.INT64:
            return translate("a whole number", language)
        case Type.BOOL:
            words = column.booleans or dialect.booleans
            return translate("{true} or {false}", language,
                             true=words.true[0], false=words.false[0])  # fmt: skip
        case Type.JSON:
            return translate("a text in JSON", language)
        case Type.BYTES:
            return translate("bytes in base64", language)
        case Type.DATE | Type.DATETIME | Type.TIMESTAMP | Type.TIME:
            return _moment(column, language)
        case _:
            return _number(column, dialect, language)


def _number(column: Column, dialect: Dialect, language: str) -> str:
    sign = (column.numbers or dialect.numbers).decimal
    if column.scale is not None:
        return translate('a number with at most {scale} decimals, after "{sign}"', language,
                         scale=column.scale, sign=sign)  # fmt: skip
    return translate('a number, its decimals after "{sign}"', language, sign=sign)


def _moment(column: Column, language: str) -> str:
    forms = []
    for form in column.formats or (_ISO[column.type],):
        for directive, letters in _LETTERS.items():
            form = form.replace(directive, letters)
        forms.append(form)
    if forms[0] in ("excel", "epoch", "epoch_ms"):
        return translate("a date as a number ({form})", language, form=forms[0])
    form = " / ".join(forms)
    if column.type is Type.DATE:
        return translate("a date, as {form}", language, form=form)
    if column.type is Type.TIME:
        return translate("a time of day, as {form}", language, form=form)
    if column.timezone is not None:
        return translate("a date and time, as {form}, by the clock of {zone}", language,
                         form=form, zone=column.timezone)  # fmt: skip
    return translate("a date and time, as {form}", language, form=form)


def _form(dialect: Dialect, language: str) -> str:
    """What kind of file it is."""
    if dialect.format is Format.DELIMITED:
        sign = {"\t": "TAB"}.get(dialect.delimiter, dialect.delimiter)
        return translate('CSV, cells separated by "{delimiter}", in the encoding {encoding}',
                         language, delimiter=sign, encoding=dialect.encoding)  # fmt: skip
    if dialect.format is Format.FIXED:
        return translate("a text in which each column has its place, in the encoding {encoding}",
                         language, encoding=dialect.encoding)  # fmt: skip
    if dialect.format is Format.JSONL:
        return translate("JSON Lines, one object a line", language)
    return translate("a workbook", language)


def _moves(values: object) -> bool:
    """Whether a bound moves with time: what it is today would be wrong tomorrow."""
    return any(isinstance(each, FromNow) for each in values)  # type: ignore[attr-defined]
