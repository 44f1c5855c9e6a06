"""The pages that readers meet first are in plain English."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.builder import english


def test_readers_pages_have_no_jargon_and_no_endless_sentence() -> None:
    pages = english.checked_pages()
    assert {"README.md", "docs/index.md"} <= set(pages)
    assert [fault for page in pages for fault in english.faults(page)] == []


def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(english, "ROOT", tmp_path)
    long = " ".join(["word"] * 36)
    (tmp_path / "a.md").write_text(
        f"# Blame\n\n`judge` is code. W{long[1:90]} end.\n\n- {long}\n\n| a | untold |\n\n"
        f"```sh\n{long} governor\n```\n[fine](https://example.com/vouch) here: {long[:90]}.\n"
    )
    assert list(english.faults("a.md")) == [
        'a.md:1: "Blame": say violation, or: reject',
        f"a.md:5: a sentence of 36 words: {long[:60]}…",
        'a.md:7: "untold": say not delivered',
    ]
