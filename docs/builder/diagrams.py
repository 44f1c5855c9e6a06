"""Draws the pages' mermaid diagrams (`make diagrams`), so that the site needs no script for them.

Needs npm, which brings mermaid, and a chromium. Only whoever changes a diagram needs it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from docs.builder.links import ROOT
from docs.builder.nav import site_pages
from docs.builder.site import DIAGRAMS, diagram, mermaid_blocks

_MERMAID = "mermaid@11"
_DRAW = """
async source => {
  mermaid.initialize({startOnLoad: false, theme: "neutral", htmlLabels: false,
                      flowchart: {htmlLabels: false}, fontFamily: "sans-serif"});
  return (await mermaid.render("diagram", source)).svg;
}
"""


def _script(folder: Path) -> Path:
    """Mermaid as one script, fetched by npm."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed")
    subprocess.run([npm, "pack", _MERMAID], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extract("package/dist/mermaid.min.js", folder, filter="data")
    return folder / "package" / "dist" / "mermaid.min.js"


def main() -> None:
    """Draw what has no picture yet, and remove pictures whose diagram is gone."""
    sources = {diagram(each): each for page in site_pages() for each in mermaid_blocks(page)}
    folder = ROOT / DIAGRAMS
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        if f"{DIAGRAMS}/{old.name}" not in sources:
            old.unlink()
    missing = {path: text for path, text in sources.items() if not (ROOT / path).exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        script = _script(Path(temporary))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.add_script_tag(path=script)
        for path, text in missing.items():
            (ROOT / path).write_text(page.evaluate(_DRAW, text) + "\n", encoding="utf-8")
            print(path)
        browser.close()


if __name__ == "__main__":
    main()
