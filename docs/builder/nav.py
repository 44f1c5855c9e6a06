"""Which pages the site has, where, and in which order a reader meets them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from posixpath import dirname
from typing import Any

from docs.builder.links import ROOT, links, pages

CONFIG = ROOT / "docs" / "zensical.toml"
# Pages that are for whoever works in those folders, and are read there.
_NOT_ON_THE_SITE = ("samples/", "deploy/")


def place(path: str) -> str:
    """Where the site has a file: that of docs/ at its root, all else in `repository/`."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    # A README would become the index of its folder.
    return "repository/" + path.replace("README.md", "readme.md")


def site_pages() -> list[str]:
    """The pages that the site has, by their paths in the repository."""
    return [each for each in pages() if not each.startswith(_NOT_ON_THE_SITE)]


def _in_order(folder: str) -> list[str]:
    """A folder's pages as its index links them, by their places on the site."""
    index = f"docs/{folder}/index.md"
    if not (ROOT / index).exists():
        return []
    linked = [each.path for each in links(index) if dirname(each.path) == dirname(index)]
    on_site = set(site_pages())
    return [place(each) for each in dict.fromkeys([index, *linked]) if each in on_site]


def _expanded(entries: list[Any]) -> list[Any]:
    """The navigation with the pages of `folder/*` in its stead; empty sections are left out."""
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            (title, inner), *_ = entry.items()
            inner = _expanded(inner) if isinstance(inner, list) else inner
            found += [{title: inner}] if inner else []
        elif entry.endswith("/*"):
            found += _in_order(entry.removesuffix("/*"))
        else:
            found.append(entry)
    return found


def _names(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, dict):
            for each in entry.values():
                yield from _names(each if isinstance(each, list) else [each])
        else:
            yield entry


def _nav() -> list[Any]:
    return _expanded(tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]["nav"])


def nav_problems() -> list[str]:
    """Pages that the navigation does not name, and names that are no page."""
    named = list(_names(_nav()))
    there = {place(each): each for each in site_pages()}
    return [
        *(f"{path}: no place in the navigation; link it in the index.md of its folder, or name it "
          "in docs/zensical.toml" for site, path in there.items() if site not in named),
        *(f"docs/zensical.toml: nav names {each}, which is no page"
          for each in named if each not in there),
        *(f"docs/zensical.toml: nav names {each} twice"
          for each in sorted(set(named)) if named.count(each) > 1),
    ]  # fmt: skip


def _as_toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_as_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def config() -> str:
    """The settings with the whole navigation written out."""
    before, _, rest = CONFIG.read_text(encoding="utf-8").partition("\nnav = [\n")
    after = rest.partition("\n]\n")[2]
    return f"{before}\nnav = {_as_toml(_nav())}\n{after}"
