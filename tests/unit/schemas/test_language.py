"""Languages: every catalogue translates whatever a sender may be told, with the same fields."""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeGuard

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from folders import ROOT
from pipelines.acknowledge import render
from pipelines.monitor import conditions
from pipelines.rejects import messages
from pipelines.validate import unique_keys
from schemas.language import FOLDER, LANGUAGES, translate, translate_count

OTHERS = pytest.mark.parametrize("language", LANGUAGES[1:])
# Where the template stands among the arguments of each function that tells a sender something.
SAYING = ("say", "say_count")
IN_TAGS = re.compile(r"""{% say (["'])(.+?)\1 %}""")
TELLING = {"translate": (0,), "translate_count": (1, 2), "fault": (1,), "DataError": (0,)}


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an argument may be: a literal, or one of two."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body)
            yield from texts(other)


def is_about_a_value(text: object) -> TypeGuard[str]:
    """Whether it is a sentence about a cell: these are kept in variables and tables too."""
    return isinstance(text, str) and "{value}" in text and "`{value}`" not in text


def is_sentence(text: object) -> TypeGuard[str]:
    """Whether it is told of an alert; but what is only a command, or fields and their signs."""
    words = re.sub(r"\{[^}]*\}", "", text) if isinstance(text, str) else ""
    return " " in words.strip() and words != "waybill drift show "


@cache
def templates() -> Mapping[str, str]:
    """Every template of the code, and where it stands."""
    return dict(_templates())


def _templates() -> Iterator[tuple[str, str]]:
    folders = (ROOT / "pipelines", ROOT / "schemas")
    told = [path for folder in folders for path in folder.rglob("*.py")]
    for path in sorted([*told, ROOT / "connectors" / "smtp" / "notifier.py"]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and is_about_a_value(node.value):
                yield node.value, f"{path.relative_to(ROOT)}:{node.lineno}"
            name = getattr(getattr(node, "func", None), "id", None)
            if isinstance(node, ast.Call) and name in TELLING:
                hints = [each.value for each in node.keywords if each.arg == "hint"]
                told_by = [node.args[at] for at in TELLING[name] if at < len(node.args)]
                for given in (*told_by, *hints):
                    for text in texts(given):
                        yield text, f"{path.relative_to(ROOT)}:{node.lineno}"
    named = (messages.SENTENCES, messages.SHARES, messages.RANGES, messages.OPERATORS)
    for known in named:
        yield from ((text, "pipelines/rejects/messages.py") for text in known.values())
    for name, text in vars(conditions).items():
        said = text.values() if isinstance(text, Mapping) else [text]
        if name.startswith("_") and not name.startswith("__"):
            yield from (
                (each, "pipelines/monitor/conditions.py") for each in said if is_sentence(each)
            )
    yield from (
        (text, "pipelines/validate/unique_keys.py") for text in unique_keys.TEMPLATES.values()
    )


def fields(text: str) -> set[tuple[str, str | None]]:
    """The fields with how their values are written, such as `:,`; none of what is no template."""
    try:
        return {(name, form) for _, name, form, _ in string.Formatter().parse(text) if name}
    except ValueError:
        return set()


@cache
def catalogue_of(language: str) -> dict[str, str]:
    with (FOLDER / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    return {str(each.id): str(each.string) for each in catalogue if each.id}


def test_a_language_is_its_catalogue_and_nothing_else() -> None:
    found = {path.stem for path in FOLDER.iterdir()}
    assert found == set(LANGUAGES) - {"en"} == {"de", "es", "fr", "pt"}
    assert all(Locale.parse(language) for language in LANGUAGES)
    assert translate("the file is empty", "de") == "die Datei ist leer"
    assert translate("{count:,} rows", "de", count=12345) == "12.345 Zeilen"


@cache
def console_templates() -> Mapping[str, str]:
    """Every template of the console: in its code, its own pages and those of allauth."""
    return dict(_console_templates())


def _console_templates() -> Iterator[tuple[str, str]]:
    folder = ROOT / "entrypoints" / "web" / "console"
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in SAYING:
                yield from ((text, path.name) for each in node.args for text in texts(each))
    for path in (folder / "templates").rglob("*.html"):
        for call in Environment(autoescape=True).parse(path.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in SAYING:
                said = (each.value for each in call.args if isinstance(each, nodes.Const))
                yield from ((text, path.name) for text in said if isinstance(text, str))
    for path in (folder / "allauth_templates").rglob("*.html"):
        yield from ((text, path.name) for _, text in IN_TAGS.findall(path.read_text()))


@cache
def singulars() -> set[str]:
    """Every template that is said of one: the first of two that `say_count` is given."""
    found: set[str] = set()
    for folder in ("entrypoints/web/console", "entrypoints/web/templates", "pipelines"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                name = getattr(getattr(node, "func", None), "id", None)
                if isinstance(node, ast.Call) and name in ("say_count", "translate_count"):
                    found |= {*texts(node.args[1])}
        for path in (*(ROOT / folder).rglob("*.html"), *(ROOT / folder).rglob("*.j2")):
            if "allauth" not in str(path):
                page = Environment(autoescape=True).parse(path.read_text())
                for call in page.find_all(nodes.Call):
                    if isinstance(call.node, nodes.Name) and call.node.name == "say_count":
                        one = call.args[1]
                        assert isinstance(one, nodes.Const), path.name
                        found.add(str(one.value))
    return found


@OTHERS
def test_the_console_speaks_every_language(language: str) -> None:
    known, found = catalogue_of(language), console_templates()
    assert len(found) > 200
    missing = {text: where for text, where in found.items() if not known.get(text)}
    assert not missing, "\n".join(f"{where}: {text}" for text, where in missing.items())


@OTHERS
def test_every_sentence_is_translated_with_the_same_fields(language: str) -> None:
    known, of_one = catalogue_of(language), singulars()
    missing = {text: where for text, where in templates().items() if not known.get(text)}
    assert not missing, "\n".join(f"{where}: {text}" for text, where in missing.items())
    for text, translated in known.items():
        # Where the singular is not said of 1 alone, it has the number that English spells out.
        more = {("count", ",")} if text in of_one else set()
        wanted, found = fields(text), fields(translated)
        if wanted or found:
            assert wanted | more == found | more, text


@OTHERS
def test_the_singular_says_its_number_where_it_is_not_said_of_one_alone(language: str) -> None:
    known, of_one = catalogue_of(language), singulars()
    assert {"1 file", "{count:,} row"} <= of_one
    for text in of_one:
        none = translate_count(0, text, "several", language, name="a", feed="b")
        if none != "several":
            assert "1" not in none, text
            assert ("count", ",") in fields(known[text]) or "1" not in text, text


SAME_WORD: dict[str, set[str]] = {
    "de": {"Operator", "Passkey", "Passkeys", "Person"},
    "es": {"no", "total"},
    "fr": {"Formats", "Note", "Pages", "Partitions", "Service", "Table", "Type",
        "inexact", "partition", "total", "type"},
    "pt": {"total"},
}  # fmt: skip
"""English words that are the language's own, too."""


@OTHERS
def test_no_sentence_is_left_in_english(language: str) -> None:
    for text, translated in catalogue_of(language).items():
        if text == translated and re.search(r"[A-Za-z]{2}", re.sub(r"\{[^}]*\}", "", text)):
            assert text in SAME_WORD[language], text


@OTHERS
def test_no_catalogue_has_a_sentence_that_another_lacks(language: str) -> None:
    assert set(catalogue_of(language)) == set(catalogue_of("es"))


def test_french_holds_together_what_belongs_together() -> None:
    for translated in catalogue_of("fr").values():
        bare = re.sub(r"\{[^{}]*\}", "x", translated)
        assert not re.search(r"[ \w»)][;!?](\s|$)| [:»]|« |\w:\s", bare), translated


@OTHERS
def test_the_catalogue_is_sorted_and_says_each_sentence_once(language: str) -> None:
    lines = (FOLDER / f"{language}.po").read_text("utf-8").splitlines()
    told = [line for line in lines if line.startswith("msgid ") and line != 'msgid ""']
    assert told == sorted(set(told))


@OTHERS
def test_the_names_of_a_receipts_numbers_fit(language: str) -> None:
    counted = ("Rows read", "Rows loaded", "Rows rejected", "Rows left out", "Lines never read")
    for text in (*counted, *render.PASSED.values()):
        assert len(translate(text, language)) <= 17, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_takes_its_fields_as_they_are(language: str) -> None:
    told = translate("{column} is empty and must not be", language, column="{x}")
    assert told.startswith("{x} ")
