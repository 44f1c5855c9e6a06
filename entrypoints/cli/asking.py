"""Asking: what will happen and what it costs, said before it is done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipelines.operations.cost import Estimate

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def ask(lines: Sequence[str], yes: bool) -> None:
    """Say what will happen and ask; raises UsageError where nobody can answer."""
    for line in filter(None, lines):
        click.echo(line, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: repeat it with --yes")
    click.confirm("Go on?", abort=True, err=True)


def priced(found: Estimate) -> str:
    """What an act would read, in words."""
    price = "less than a cent" if found.dollars < 0.01 else f"about ${found.dollars:,.2f}"
    return f"BigQuery reads {size_of(found.bytes_read)} for it ({price})."


def ask_if_large(found: Estimate, yes: bool) -> None:
    """Say what an act that only reads would read, and ask if it is very much."""
    ask([priced(found)], yes or not found.is_large)


def size_of(count: int) -> str:
    """So many bytes in words: 12.5 GiB."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
