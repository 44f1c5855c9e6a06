"""The language of a sender: the most specific of what a feed says."""

from typing import Any

import pytest

from pipelines.feed import Feed
from schemas.errors import ConfigError

LANGUAGES = {"@acorn.example": "de", "Ana@acorn.example": "es", "*.example": "es", "café.fr": "es"}


def feed(**more: Any) -> Feed:
    return Feed(name="t", source="s", match="*", contract="t", **more)


@pytest.mark.parametrize(
    ("sender", "language"),
    [
        ("ana@ACORN.example", "es"),
        ("bob@acorn.example", "de"),
        ("bob@sub.acorn.example", "es"),
        ("bob@birch.example", "es"),
        ("bob@xn--caf-dma.fr", "es"),
        ("bob@caf.fr", "en"),
        ("nobody", "en"),
        (None, "en"),
    ],
)
def test_the_most_specific_says_the_language(sender: str | None, language: str) -> None:
    assert feed(languages=LANGUAGES).language_for(sender) == language


def test_whom_nothing_is_said_of_is_answered_in_the_feeds_language() -> None:
    assert feed(language="de").language_for("bob@acorn.example") == "de"


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ({"@acorn.example": "xx"}, '"xx" of @acorn.example'),
        ({"a b": "es"}, '"a b" is not'),
        ({"acorn": "es"}, '"acorn" is not'),
        ({3: "es"}, "must say of senders"),
        (["de"], "must say of senders"),
        ({"@ACORN.example": "de", "@acorn.example": "es"}, "there twice"),
    ],
)
def test_a_feed_refuses_what_is_no_sender_or_no_language(languages: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        feed(languages=languages)
