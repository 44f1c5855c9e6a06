"""Builds the site from the repository's pages (`make docs`); refuses what a reader trips over.

Pages are written for GitHub as well as for the site: they link each other by their paths in the
repository. They are copied to where the site has them, with the links changed to match.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, relpath
from urllib.parse import urlsplit

from docs.builder.links import ROOT, broken, links, relinked
from docs.builder.nav import CONFIG, config, nav_problems, place, site_pages

DIAGRAMS = "docs/assets/diagrams"
_ITEM = re.compile(r"(?:[-*+]|\d+\.) ")
_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class SiteError(Exception):
    """What has to be mended before the site can be built, a line each."""


def diagram(source: str) -> str:
    """The picture of a mermaid diagram: named by its text, so that an old one is never shown."""
    return f"{DIAGRAMS}/{sha256(source.encode()).hexdigest()[:12]}.svg"


def mermaid_blocks(page: str) -> list[str]:
    """The sources of the page's mermaid diagrams."""
    return _MERMAID.findall((ROOT / page).read_text(encoding="utf-8"))


def diagram_problems() -> list[str]:
    """Diagrams without a picture, and pictures without a diagram."""
    wanted = {diagram(source) for page in site_pages() for source in mermaid_blocks(page)}
    there = {f"{DIAGRAMS}/{each.name}" for each in (ROOT / DIAGRAMS).glob("*.svg")}
    return [
        f"{each}: a mermaid diagram changed; run make diagrams" for each in sorted(wanted ^ there)
    ]


def indented(text: str) -> str:
    """The text with what belongs to an item of a list four columns in, as the site's Markdown asks:
    GitHub is content with the width of the mark."""
    lines, more = list[str](), 0
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if mark := _ITEM.match(line):
            more = 4 - len(mark[0])
        elif line and not indent:
            more = 0
        lines.append(" " * more + line if indent and more > 0 else line)
    return "\n".join(lines) + "\n"


def _stage(folder: Path) -> None:
    """Copy the pages, and whatever they link or show, to where the site has them."""
    on_site = set(site_pages())
    shutil.copytree(ROOT / "docs" / "assets", folder / "assets")
    for page in on_site:
        here = dirname(place(page))

        def target_of(path: str, anchor: str, here: str = here) -> str:
            to = relpath(place(path), here or ".")
            return f"{to}#{anchor}" if anchor else to

        def picture(found: re.Match[str], here: str = here) -> str:
            return f"![Diagram]({relpath(place(diagram(found[1])), here or '.')})"

        text = relinked(page, (ROOT / page).read_text(encoding="utf-8"), target_of)
        to = folder / place(page)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(indented(_MERMAID.sub(picture, text)), encoding="utf-8")
        for link in links(page):
            copy = folder / place(link.path)
            if link.path not in on_site and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / link.path, copy)


class _Loads(HTMLParser):
    """Collects what a browser fetches to show a page: everything but plain links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one tag."""
        of = dict(attrs)
        wanted = [] if tag == "a" else ["src", "srcset", "poster", "data", "action", "href"]
        if tag == "link" and of.get("rel") in ("canonical", "alternate"):
            wanted = []
        self.found += [of[name] or "" for name in wanted if name in of]


def foreign(site: Path) -> list[str]:
    """What a built page or style sheet would fetch from another host."""
    wrong = []
    for path in sorted(site.rglob("*.html")):
        loads = _Loads()
        loads.feed(path.read_text(encoding="utf-8"))
        wrong += [f"{path.name}: {each}" for each in loads.found if urlsplit(each).netloc]
    for path in sorted(site.rglob("*.css")):
        found = re.findall(r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)", path.read_text("utf-8"))
        wrong += [f"{path.name}: {each}" for each in found]
    return wrong


def build(folder: Path) -> Path:
    """Build the site into `folder/site` and return that.

    Raises SiteError with a line for each broken link, page without a place in the navigation,
    diagram without a picture, and address of another host.
    """
    if wrong := [*broken(), *nav_problems(), *diagram_problems()]:
        raise SiteError("\n".join(wrong))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _stage(folder / "pages")
    (folder / CONFIG.name).write_text(config(), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict", "-f", CONFIG.name],
        cwd=folder,
        env={"NO_COLOR": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SiteError((done.stdout + done.stderr).partition("Traceback")[0].strip())
    if wrong := foreign(folder / "site"):
        raise SiteError("\n".join(f"{each}: fetched from another host" for each in wrong))
    return folder / "site"


def main() -> None:
    """Build into build/docs; exit with 1 and what is wrong, where something is."""
    try:
        site = build(ROOT / "build" / "docs")
    except SiteError as error:
        sys.exit(str(error))
    print(f"{len(list(site.rglob('*.html')))} pages: open {site.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
