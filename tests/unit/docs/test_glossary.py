"""The glossary has every word of ours."""

from __future__ import annotations

import re

from folders import ROOT
from schemas.file import Outcome, Status

GLOSSARY = ROOT / "docs" / "change" / "glossary.md"
# The words of the design, which code, docs and screens use.
DESIGN = """source, feed, contract, item, file id, land, staged, rejected row, quarantined file,
batch, load job, staging table, ledger, lease, receipt, replay, unload, supersede, drift, freshness,
lineage columns, accounted lines"""


def test_every_word_of_the_design_of_the_map_and_of_a_file_is_explained() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    entries = re.findall(r"^\| \*\*(.+?)\*\* \| \S", text, re.MULTILINE)
    assert entries == sorted(set(entries))
    words = {each.strip() for each in DESIGN.replace("\n", " ").split(",")}
    of_map = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## Words")[1]
    table = re.findall(r"^\| ([a-z][a-z, ]+) \|", of_map.split("\n## ")[0], re.MULTILINE)
    words |= {word.strip() for cell in table if cell != "word" for word in cell.split(",")}
    missing = [
        word
        for word in sorted(words)
        if f"*{word}*" not in text and not any(each.startswith(word) for each in entries)
    ]
    assert len(words) > 30
    assert missing == []
    for kind in (Status, Outcome):
        assert [each.value for each in kind if not re.search(rf"\b{each.value}\b", text)] == []
