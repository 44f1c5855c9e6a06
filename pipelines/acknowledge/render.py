"""Render: what a sender reads, as text and as HTML, from templates that the user can change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.feed import Feed
from pipelines.rejects.rule_names import rule_name
from schemas.language import day_said, moment_said, printable, translate, translate_count
from schemas.receipt import Receipt

if TYPE_CHECKING:
    import jinja2

HEADLINES: dict[str, str] = {
    "accepted": "accepted, all rows are loaded",
    "complete": "all rows are loaded, some after they were corrected",
    "partly": "partly loaded, some rows were rejected",
    "quarantined": "rejected, nothing was loaded",
    "waiting": "waiting, nothing is loaded yet",
    "repeated": "received before, nothing to do",
    "superseded": "superseded by a newer version, nothing was loaded",
    "taken_out": "taken out again, none of its rows is in the table",
}
"""What became of a file, in a few words."""


CORRECTED_BY: dict[str, str] = {
    "sender": "Rows that came corrected on {at}: {rows:,}.",
    "operator": "Rows that an operator corrected on {at}: {rows:,}.",
    "steward": "Rows that a steward corrected on {at}: {rows:,}.",
    "admin": "Rows that an admin corrected on {at}: {rows:,}.",
}
"""Who has corrected rows of a file, by role."""

PASSED: dict[str, str] = {
    "blank": "Blank lines",
    "repeated_header": "Repeated headers",
    "total": "Totals",
    "comment": "Comments",
    "preamble": "Above the header",
    "footer": "Below the rows",
}
"""What lines are called that are passed over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bodies:
    """The same said twice: as plain text, and as HTML."""

    text: str
    html: str


def receipt_bodies(receipt: Receipt, feed: Feed, templates: Path | None = None) -> Bodies:
    """The receipt as its sender reads it, in the language that it names.

    The templates are `receipt.es.txt.j2` (for Spanish) or `receipt.txt.j2`, and the same with
    `html`; those of the user's folder come first.
    """
    facts = {
        "receipt": receipt,
        "headline": headline_of(receipt),
        "passed": PASSED,
        "corrected_by": CORRECTED_BY,
        # Rows that are computed from all lines of a file cannot be corrected one by one.
        "whole": feed.makes_rows,
    }
    return _bodies("receipt", receipt.language, templates, facts)


def digest_bodies(
    receipts: Sequence[Receipt], feed: Feed, language: str, templates: Path | None = None
) -> Bodies:
    """Several receipts as one mail in a language: a line for each file, then what is wrong with
    some of them.

    The templates are `digest.txt.j2` and `digest.html.j2`, or those of a language.
    """
    from markupsafe import Markup

    entries = []
    for receipt in receipts:
        bodies = receipt_bodies(receipt, feed, templates)
        entries.append(
            {
                "receipt": receipt,
                "headline": headline_of(receipt),
                "text": bodies.text,
                # What a template has rendered is escaped already.
                "html": Markup(bodies.html),  # noqa: S704
                "is_well": receipt.outcome in ("accepted", "repeated") and not receipt.warnings,
            }
        )
    counted = Counter(entry["headline"] for entry in entries)
    facts = {"entries": entries, "counted": counted.most_common(), "feed": feed}
    return _bodies("digest", language, templates, facts)


def headline_of(receipt: Receipt) -> str:
    """What became of the file, in a few words of its sender's language."""
    key = "waiting" if receipt.waiting else str(receipt.outcome)
    if receipt.outcome == "partly" and receipt.is_complete:
        key = "complete"
    if receipt.taken_out is not None:
        key = "taken_out"
    return translate(HEADLINES.get(key, key), receipt.language)


def _bodies(name: str, language: str, templates: Path | None, facts: dict[str, Any]) -> Bodies:
    environment = _environment(templates)

    def rendered(form: str) -> str:
        names = [f"{name}.{language}.{form}.j2", f"{name}.{form}.j2"]
        template = environment.select_template(names)
        return template.render(**words_of(language), **facts)

    return Bodies(text=rendered("txt"), html=rendered("html"))


def words_of(language: str) -> dict[str, Any]:
    """What templates say things with: `say` and `say_count` in the language; `day` and `moment`,
    which make a time a value that either says in its manner; and `rule_name`."""

    def say(template: str, **values: object) -> str:
        return translate(template, language, **values)

    def say_count(count: int, one: str, several: str, **values: object) -> str:
        return translate_count(count, one, several, language, **values)

    return {
        "language": language,
        "say": say,
        "say_count": say_count,
        "rule_name": rule_name,
        "day": day_said,
        "moment": moment_said,
    }


@cache
def _environment(templates: Path | None) -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    loaders: list[Any] = [jinja2.PackageLoader("pipelines.acknowledge")]
    if templates is not None:
        loaders.insert(0, jinja2.FileSystemLoader(templates))
    environment = SandboxedEnvironment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = lambda value: printable(str(value))
    return environment
