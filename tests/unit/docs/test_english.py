"""The pages are in plain English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.builder import english, links
from folders import ROOT


def test_pages_have_no_jargon_and_no_endless_sentence() -> None:
    pages = english.checked_pages()
    assert {"README.md", "docs/index.md", "ARCHITECTURE.md", "CHANGELOG.md"} <= set(pages)
    assert [fault for page in pages for fault in english.faults(page)] == []


def test_no_page_was_committed_with_a_conflict() -> None:
    mark = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
    assert [page for page in links.pages() if mark.search((ROOT / page).read_text())] == []


def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(english, "ROOT", tmp_path)
    long = " ".join(["word"] * 36)
    (tmp_path / "a.md").write_text(
        f"# Blame\n\n`judge` is code. W{long[1:90]} end.\n\n- {long}\n\n| a | untold |\n\n"
        "waybill retry --rows-beneath is a command\n\n"
        f"```sh\n{long} governor\n```\n[fine](https://example.com/vouch) here: {long[:90]}.\n"
    )
    assert list(english.faults("a.md")) == [
        'a.md:1: "Blame": say violation, or: reject',
        f"a.md:5: a sentence of 36 words: {long[:60]}…",
        'a.md:7: "untold": say not delivered',
    ]
