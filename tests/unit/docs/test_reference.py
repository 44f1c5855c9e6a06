"""The reference is what the code says: `make reference` writes it."""

from __future__ import annotations

from enum import StrEnum

import pytest
from pydantic import BaseModel

from docs.builder.links import ROOT
from docs.builder.reference import alerts, settings
from docs.builder.reference.examples import EXAMPLES
from docs.builder.reference.pages import pages

FOLDER = ROOT / "docs" / "reference"


def test_the_reference_is_what_the_code_says() -> None:
    made = pages()
    there = {each.name: each.read_text(encoding="utf-8") for each in FOLDER.glob("*.md")}
    stale = [name for name in made.keys() | there if made.get(name) != there.get(name)]
    assert stale == [], "run make reference"


class Silent(BaseModel):
    """A model of which nothing is said."""

    wait_seconds: float = 3


class Odd(BaseModel):
    """A number without a unit."""

    pause: int = 3
    """How long it pauses."""


class Bare(BaseModel):
    """A key that nobody gave an example of."""

    unheard_of: str | None = None
    """What nobody has heard of."""


@pytest.mark.parametrize(
    ("model", "said"),
    [(Silent, "wait_seconds has no sentence"), (Odd, "pause"), (Bare, "give an example")],
)
def test_a_key_without_a_sentence_a_unit_or_an_example_is_refused(
    model: type[BaseModel], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docs.builder.reference.text._OURS", (__name__.split(".")[0],))
    with pytest.raises(KeyError, match=said):
        list(settings.keys(model, "", "", {}))


class Mute(StrEnum):
    """A kind that does not say what to do."""

    ODD = "odd"
    """Something is odd."""


def test_an_alert_that_does_not_say_what_to_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docs.builder.reference.text._OURS", (__name__.split(".")[0],))
    monkeypatch.setattr(alerts, "AlertKind", Mute)
    with pytest.raises(KeyError, match="ODD does not say what to do"):
        alerts.alerts_page()


def test_every_example_is_shown_and_every_key_has_a_sentence() -> None:
    found = [key for _, _, _, keys in settings.sections() for key in keys]
    assert len(found) > 150
    assert all(key.sentence and key.kind and key.default and key.example for key in found)
    shown = (FOLDER / "config.md").read_text(encoding="utf-8")
    assert {title for title in EXAMPLES if f"## {title}\n" not in shown} == set()
