"""The snippets of the documents that tests run, and those that say why they are not run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docs.builder.links import pages
from folders import ROOT

# Their blocks need a world of their own: the test that runs them is named.
ELSEWHERE = {
    "docs/api.md": "tests/integration/test_api_page.py",
    "docs/contracts.md": "tests/integration/test_contract_revisions.py",
    "docs/receipt-link.md": "tests/integration/test_link_pages.py",
}
# Every snippet of these says whether it is run, and of the pages in the readers' folders.
CHECKED = (
    "README.md",
    "docs/why-is-my-row-not-there.md",
    "docs/bigquery.md",
    "docs/alerts.md",
)
READERS = ("drop", "mail", "query", "add", "run", "change", "es")
KINDS = ("sh", "sql", "python", "yaml")
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>(?!/)[^>]+?) -->\n+)?"
    r"^(?P<indent>[ ]*)```(?P<kind>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page, with the line that it begins at."""

    page: str
    line: int
    kind: str
    text: str
    mark: str
    """`run`, `not run: …`, a name that a test knows the block by, or nothing."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets(page: str) -> list[Snippet]:
    """All fenced blocks of a page, without the indent that they have in a list."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Snippet(
            page,
            text.count("\n", 0, found.start("kind")) + 1,
            found["kind"],
            re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            found["mark"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def commands(page: str) -> str:
    """The commands of a page of which every block of them is run, one after the other."""
    blocks = [each for each in snippets(page) if each.kind == "sh"]
    assert {each.mark for each in blocks} == {"run"}, f"{page}: a block of it is not run"
    return "".join(each.text for each in blocks)


def marked(page: str, mark: str) -> str:
    """The text of the page's one block with that mark."""
    [found] = [each.text for each in snippets(page) if each.mark == mark]
    return found


def run_blocks(kind: str) -> list[Snippet]:
    """The blocks of a kind that are marked to be run, of all pages but those run elsewhere."""
    return [
        each
        for page in pages()
        if page not in ELSEWHERE
        for each in snippets(page)
        if each.kind == kind and each.mark == "run"
    ]


def must_say() -> list[str]:
    """The pages whose every snippet is marked."""
    folders = tuple(f"docs/{each}/" for each in READERS)
    return [each for each in pages() if each in CHECKED or each.startswith(folders)]
