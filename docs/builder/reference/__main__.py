"""Writes the reference (`make reference`)."""

from __future__ import annotations

from docs.builder.links import ROOT
from docs.builder.reference.pages import pages

FOLDER = ROOT / "docs" / "reference"


def main() -> None:
    """Write each page that is not there, or not as the code has it."""
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    FOLDER.mkdir(exist_ok=True)
    for name, text in made.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
