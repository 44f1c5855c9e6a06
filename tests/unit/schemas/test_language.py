"""Languages: every catalogue translates whatever a sender may be told, with the same fields."""

import ast
import re
import string
from collections.abc import Iterator
from typing import TypeGuard

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from folders import ROOT
from pipelines.acknowledge import render
from pipelines.rejects import messages
from pipelines.validate import unique_keys
from schemas.language import FOLDER, LANGUAGES, translate

OTHERS = pytest.mark.parametrize("language", LANGUAGES[1:])
# Where the template stands among the arguments of each function that tells a sender something.
SAYING = ("say", "say_count")
IN_TAGS = re.compile(r"""{% say (["'])(.+?)\1 %}""")
TELLING = {"translate": 0, "fault": 1, "DataError": 0}


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


def templates() -> Iterator[tuple[str, str]]:
    """Every template of the code, and where it stands."""
    folders = (ROOT / "pipelines", ROOT / "schemas")
    told = [path for folder in folders for path in folder.rglob("*.py")]
    for path in sorted([*told, ROOT / "connectors" / "smtp" / "notifier.py"]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and is_about_a_value(node.value):
                yield node.value, f"{path.relative_to(ROOT)}:{node.lineno}"
            name = getattr(getattr(node, "func", None), "id", None)
            if isinstance(node, ast.Call) and name in TELLING and len(node.args) > TELLING[name]:
                hints = [each.value for each in node.keywords if each.arg == "hint"]
                for given in (node.args[TELLING[name]], *hints):
                    for text in texts(given):
                        yield text, f"{path.relative_to(ROOT)}:{node.lineno}"
    named = (messages.SENTENCES, messages.SHARES, messages.RANGES, messages.OPERATORS)
    for known in named:
        yield from ((text, "pipelines/rejects/messages.py") for text in known.values())
    yield from (
        (text, "pipelines/validate/unique_keys.py") for text in unique_keys.TEMPLATES.values()
    )


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(text: str) -> set[tuple[str, str | None]]:
    """The fields with how their values are written, such as `:,`."""
    return {(name, form) for _, name, form, _ in string.Formatter().parse(text) if name}


def catalogue_of(language: str) -> dict[str, str]:
    with (FOLDER / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    return {str(each.id): str(each.string) for each in catalogue if each.id}


def test_a_language_is_its_catalogue_and_nothing_else() -> None:
    found = {path.stem for path in FOLDER.iterdir()}
    assert found == set(LANGUAGES) - {"en"} >= {"de", "es"}
    assert all(Locale.parse(language) for language in LANGUAGES)
    assert translate("the file is empty", "de") == "die Datei ist leer"
    assert translate("{count:,} rows", "de", count=12345) == "12.345 Zeilen"


def console_templates() -> Iterator[tuple[str, str]]:
    """Every template of the console: in its code, its own pages and those of allauth."""
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


def test_the_console_speaks_spanish() -> None:
    known, found = catalogue_of("es"), dict(console_templates())
    assert len(found) > 200
    missing = {text: where for text, where in found.items() if not known.get(text)}
    assert not missing, "\n".join(f"{where}: {text}" for text, where in missing.items())


@OTHERS
def test_every_sentence_is_translated_with_the_same_fields(language: str) -> None:
    known = catalogue_of(language)
    missing = {text: where for text, where in templates() if not known.get(text)}
    assert not missing, "\n".join(f"{where}: {text}" for text, where in missing.items())
    for text, translated in known.items():
        assert fields(text) == fields(translated), text
        if fields(text):
            assert forms(text) == forms(translated), text


@OTHERS
def test_the_catalogue_is_sorted_and_says_each_sentence_once(language: str) -> None:
    lines = (FOLDER / f"{language}.po").read_text("utf-8").splitlines()
    told = [line for line in lines if line.startswith("msgid ") and line != 'msgid ""']
    assert told == sorted(set(told))


def test_no_catalogue_has_a_sentence_that_another_lacks_but_the_consoles() -> None:
    # The console is not shown in every language in which senders are answered.
    german, spanish = set(catalogue_of("de")), set(catalogue_of("es"))
    assert german <= spanish <= german | {text for text, _ in console_templates()}


@OTHERS
def test_the_names_of_a_receipts_numbers_fit(language: str) -> None:
    counted = ("Rows read", "Rows loaded", "Rows rejected", "Rows left out", "Lines never read")
    for text in (*counted, *render.PASSED.values()):
        assert len(translate(text, language)) <= 17, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_takes_its_fields_as_they_are(language: str) -> None:
    told = translate("{column} is empty and must not be", language, column="{x}")
    assert told.startswith("{x} ")
