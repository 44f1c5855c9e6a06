"""The command about what no feed takes: unmatched."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from schemas.unmatched import Unmatched

_SHOWN = 3


@click.command()
@click.argument("groups", metavar="[ID...]", nargs=-1)
@click.option("--source", help="Only this source.")
@click.option("--dismiss", is_flag=True, help="Put these IDs away: they are none of ours.")
@click.option("--restore", is_flag=True, help="Take these IDs back.")
@click.option("--dismissed", is_flag=True, help="What was put away, by whom and when.")
@click.option("--by", help="Who decides; you, unless given.")
@json_option
@click.pass_obj
def unmatched(
    config: Path,
    groups: tuple[str, ...],
    source: str | None,
    dismiss: bool,
    restore: bool,
    dismissed: bool,
    by: str | None,
    as_json: bool,
) -> None:
    """What lies at the sources and no feed takes: what, where, from whom and why.

    The latest first; likely reports are marked, and are alerts. Exit status 1 for an unknown ID.
    """
    from entrypoints.cli.held import user
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations import unmatched as operations

    if (dismiss or restore) != bool(groups) or (dismiss and restore):
        raise click.UsageError("name IDs with --dismiss or with --restore")
    runtime = open_runtime(config)
    if groups:
        who = (by or user()) if dismiss else None
        found: Sequence[Unmatched] = operations.decide(runtime, groups, who)
    else:
        found = operations.listed(runtime, source, dismissed=dismissed)
    if as_json:
        print_json([asdict(each) | {"why": str(each.why)} for each in found])
    elif groups:
        done = "is put away" if dismiss else "is back"
        for each in found:
            console().print(f"{each.group_id} {done}", markup=False)
    elif not found:
        console().print("every file and every mail is taken")
    else:
        console().print(_table(found))
        console().print("`waybill unmatched --dismiss ID` puts one away", markup=False)


def _table(found: Sequence[Unmatched]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "SEEN (UTC)", "COUNT", "SOURCE")
    table.add_column("WHAT, FROM WHOM, WHY", overflow="fold", ratio=1)
    for each in found:
        names = dict.fromkeys(printable(item.name) for item in each.items[-_SHOWN:])
        mark = "[yellow]![/] " if each.is_likely else ""
        lines = [f"{mark}[bold]{escape(', '.join(names))}[/]"]
        if each.sender:
            lines.append(f"from {escape(printable(each.sender))}")
        near = f"; nearest: feed {each.feed}" if each.feed else ""
        lines.append(f"{each.why}{escape(near)}")
        if each.dismissed_at is not None:
            who = escape(printable(each.dismissed_by or ""))
            lines.append(f"[dim]put away {each.dismissed_at:%m-%d %H:%M} by {who}[/]")
        table.add_row(
            each.group_id,
            f"{each.last_seen:%m-%d %H:%M}",
            f"{each.count:,}",
            escape(each.source),
            "\n".join(lines),
        )
    return table
