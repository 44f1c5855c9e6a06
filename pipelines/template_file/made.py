"""Templates: what a sender of a feed fills in, in the form that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipelines.parse.registry import reader_of
from pipelines.template_file.layout import layout_of
from pipelines.template_file.rules import rules_text
from pipelines.template_file.text_file import text_file
from pipelines.template_file.workbook import workbook_file
from schemas.contract import Contract
from schemas.dialect import Dialect, Format
from schemas.errors import ConflictError

_SUFFIXES = {Format.FIXED: "txt", Format.JSONL: "jsonl"}
_TYPES = {
    "csv": "text/csv",
    "txt": "text/plain",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class TemplateForm(StrEnum):
    """What is made: a text as the feed's files are, a workbook, or the rules in words."""

    CSV = "csv"
    XLSX = "xlsx"
    RULES = "txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A file to be filled in, or to be read. `has_example`: its data has a row that is one."""

    name: str
    content_type: str
    content: bytes
    has_example: bool = False


def forms_of(dialect: Dialect) -> tuple[TemplateForm, ...]:
    """The forms that a feed of that dialect has, its own first. A workbook for delimited text is
    saved as text before it is sent."""
    if reader_of(dialect.format).traits.is_sheet:
        return (TemplateForm.XLSX, TemplateForm.RULES)
    if dialect.format is Format.DELIMITED:
        return (TemplateForm.CSV, TemplateForm.XLSX, TemplateForm.RULES)
    if reader_of(dialect.format).traits.is_text:
        return (TemplateForm.CSV, TemplateForm.RULES)
    return (TemplateForm.RULES,)


def make_template(
    contract: Contract,
    name: str,
    form: TemplateForm,
    language: str,
    now: datetime,
    *,
    has_example: bool = True,
) -> Template:
    """The template of a contract, for the feed of that name, its rules in that language.

    The example's row is left out where it is not to be in the data, and where no row is known that
    the contract takes. Raises ConflictError for a form that the feed's files cannot have, and for a
    header that cannot be written.
    """
    offered = forms_of(contract.dialect)
    if form not in offered:
        said = reader_of(contract.dialect.format).traits.said
        raise ConflictError(
            f"files of feed {name} are {said}, of which there is no template as {form}",
            hint=f"ask for {', '.join(offered)}",
        )
    layout = layout_of(contract, now, has_example=has_example)
    is_there = bool(layout.examples)
    if form is TemplateForm.RULES:
        text = rules_text(layout, language).encode("utf-8-sig", "replace")
        return _named(f"{name}.rules.txt", "text/plain; charset=utf-8", text, is_there)
    if form is TemplateForm.XLSX:
        content = workbook_file(layout, language)
        return _named(f"{name}.template.xlsx", _TYPES["xlsx"], content, is_there)
    suffix = _SUFFIXES.get(contract.dialect.format, "csv")
    return _named(f"{name}.template.{suffix}", _TYPES[suffix], text_file(layout), is_there)


def _named(name: str, content_type: str, content: bytes, has_example: bool) -> Template:
    return Template(name=name, content_type=content_type, content=content, has_example=has_example)
