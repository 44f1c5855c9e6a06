"""The documentation's site: it builds, and what a reader would trip over fails it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs.builder import links, nav, site


def test_the_site_is_built_with_every_page_and_asks_no_other_host(tmp_path: Path) -> None:
    built = site.build(tmp_path / "docs")
    pages = {str(each.relative_to(built)) for each in built.rglob("*.html")}
    wanted = {str(Path(nav.place(each)).with_suffix(".html")) for each in nav.site_pages()}
    assert wanted - pages == set()
    # The search reads this file by a script tag, so that it works from a folder, too.
    index = (built / "search.js").read_text(encoding="utf-8").partition("=")[2].rstrip("; \n")
    assert len(json.loads(index)["items"]) > len(wanted)
    assert "architecture.html" in (built / "index.html").read_text(encoding="utf-8").lower()
    # What belongs to an item of a list stays in it, so that the items are numbered on.
    page = (built / "change" / "extend.html").read_text(encoding="utf-8")
    first = re.search(r"<ol>.*?</ol>", page, re.DOTALL)
    assert first is not None
    assert first[0].count("<li>") == 5
    assert first[0].count("<pre>") == 3


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one page, which tests spoil."""
    (tmp_path / "docs" / "assets" / "diagrams").mkdir(parents=True)
    (tmp_path / "docs" / "index.md").write_text("# Home\n")
    (tmp_path / "docs" / "zensical.toml").write_text(
        '[project]\nnav = [\n"index.md", "drop/*"\n]\n'
    )
    for module in (links, nav, site):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(nav, "CONFIG", tmp_path / "docs" / "zensical.toml")
    links.anchors.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x](gone.md)", "docs/index.md:3: docs/gone.md: there is no such file"),
        ("[x](#gone)", "docs/index.md:3: docs/index.md#gone: the page has no such heading"),
        ("![x](../../etc/passwd)", "there is no such file"),
        ("```mermaid\nflowchart LR\n```", "a mermaid diagram changed; run make diagrams"),
    ],
)
def test_what_is_broken_is_named(repository: Path, text: str, said: str) -> None:
    (repository / "docs" / "index.md").write_text(f"# Home\n\n{text}\n")
    with pytest.raises(site.SiteError, match=said):
        site.build(repository / "build")


def test_links_in_code_are_no_links(repository: Path) -> None:
    text = "# A `b` [c](index.md), d\n\n`[x](gone.md)`\n\n```md\n[x](gone.md)\n```\n[y](#a-b-c-d)\n"
    (repository / "docs" / "index.md").write_text(text)
    assert links.broken() == []


def test_a_page_outside_the_navigation_is_named(repository: Path) -> None:
    folder = repository / "docs" / "drop"
    folder.mkdir()
    (folder / "index.md").write_text("# Drop\n\n[First](first.md)\n")
    (folder / "first.md").write_text("# First\n")
    (folder / "second.md").write_text("# Second\n")
    (problem,) = nav.nav_problems()
    assert problem.startswith("docs/drop/second.md: no place in the navigation")
    (folder / "index.md").write_text("# Drop\n\n[Second](second.md) [First](first.md)\n")
    assert nav.nav_problems() == []
    assert '["index.md", "drop/index.md", "drop/second.md", "drop/first.md"]' in nav.config()


def test_what_a_page_fetches_from_elsewhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://example.com">fine</a><script src="//cdn.example.com/x.js"></script>'
        '<link rel="stylesheet" href="https://fonts.example.com/css"><img src="a.png">'
    )
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example.com/a.woff) }")
    assert site.foreign(tmp_path) == [
        "a.html: //cdn.example.com/x.js",
        "a.html: https://fonts.example.com/css",
        "a.css: https://fonts.example.com/a.woff",
    ]
