"""Commands about files that are held: held, release."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.asking import ask, yes_option
from entrypoints.cli.options import feed_option, json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pipelines.operations.holds import HeldFile


@click.command()
@feed_option
@click.option("--all", "over", is_flag=True, help="Also what was let in, by whom and when.")
@json_option
@click.pass_obj
def held(config: Path, feed: str | None, over: bool, as_json: bool) -> None:
    """Files that wait for you: their feed does not trust them, and nobody was told.

    The latest first. `waybill release ID` lets one in.
    """
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.holds import held_files

    found = held_files(open_runtime(config), feed, over=over)
    if as_json:
        print_json(list(map(_plain, found)))
        return
    if not found:
        console().print("no files are held")
        return
    console().print(_table(found))
    if any(each.hold.released_at is None for each in found):
        console().print("`waybill release ID` lets a file in; the others stay where they are")


@click.command()
@click.argument("named", metavar="[ID...]", nargs=-1)
@click.option("--feed", help="All that this feed holds.")
@click.option("--by", help="Who decides; you, unless given.")
@yes_option
@json_option
@click.pass_obj
def release(
    config: Path,
    named: tuple[str, ...],
    feed: str | None,
    by: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Let held files in (by id, the start of it, name or key); it is kept who did it and when.

    Or, instead of IDs, all that a feed holds: --feed NAME.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.holds import files_to_release
    from pipelines.operations.holds import release as let_in

    if bool(named) == (feed is not None):
        raise click.UsageError("name IDs, or --feed NAME for all that it holds")
    runtime = open_runtime(config)
    who = by or user()
    files = files_to_release(runtime, named, feed)
    if feed is not None and files:
        ask([f"Let {len(files):,} held files of feed {feed} in."], yes)
    released = []
    for file in files:
        released.append(let_in(runtime, file, who))
        if not as_json:
            name = printable(file.item.name)
            click.echo(f"{name} is let in by {who}; the service or `waybill run` loads it")
    if as_json:
        print_json(list(map(_plain, released)))
    elif not files:
        click.echo("no files are held")


def user() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except OSError:
        raise click.ClickException("who are you? Say it with --by NAME") from None


def _plain(held: HeldFile) -> dict[str, object]:
    item = held.file.item
    return asdict(held.hold) | {
        "status": str(held.file.status),
        "name": item.name,
        "key": item.key,
        "sender": item.sender,
        "subject": item.detail.get("subject"),
        "sent_at": item.sent_at,
    }


def _table(found: Sequence[HeldFile]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "HELD (UTC)", "FEED")
    table.add_column("WHAT, FROM WHOM, WHY", overflow="fold", ratio=1)
    for each in found:
        hold, item = each.hold, each.file.item
        lines = [f"[bold]{escape(printable(item.name))}[/]"]
        if item.sender:
            lines.append(f"from {escape(printable(item.sender))}")
        lines.append(f"{hold.cause}: {escape(printable(hold.reason))}")
        if hold.released_at is not None:
            who = escape(printable(hold.released_by or ""))
            lines.append(f"[green]let in[/] {hold.released_at:%m-%d %H:%M} by {who}")
        table.add_row(
            hold.file_id, f"{hold.held_at:%m-%d %H:%M}", escape(hold.feed), "\n".join(lines)
        )
    return table
