"""Files that the configuration names: relative paths start where config.yaml is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel

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


def with_secrets_from_files(values: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values with each `<secret>_file` replaced by the secret that the file holds."""
    for name, field in model.model_fields.items():
        given = values.get(f"{name}_file")
        if "SecretStr" not in str(field.annotation) or f"{name}_file" in model.model_fields:
            continue
        if given is not None:
            try:
                values[name] = located(Path(given)).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(f"{name}_file: {given}: {error.strerror}") from error
            del values[f"{name}_file"]
    return values
