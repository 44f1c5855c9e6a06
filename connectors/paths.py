"""Paths in the configuration: relative ones start where config.yaml is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

_BASE: ContextVar[Path | None] = ContextVar("base", default=None)


@contextmanager
def starting_at(folder: Path) -> Iterator[None]:
    """Let the relative paths that are validated in this block start at the folder."""
    token = _BASE.set(folder.resolve())
    try:
        yield
    finally:
        _BASE.reset(token)


def located(path: Path) -> Path:
    """The path from where it starts; outside `starting_at` that is the working directory."""
    base = _BASE.get()
    return path if base is None else base / path


def _located_file(path: Path) -> Path:
    found = located(path)
    if not found.is_file():
        raise ValueError(f"there is no file {found}")
    return found


LocalPath = Annotated[Path, AfterValidator(located)]
"""A path on this machine."""
LocalFile = Annotated[Path, AfterValidator(_located_file)]
"""A file on this machine that is there."""
