"""Commands about files that are held: held, release."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.files import one_file, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from schemas.file import File
    from schemas.trust import Hold

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.option("--feed", help="Only this feed.")
@click.option("--all", "over", is_flag=True, help="Also what was let in, by whom and when.")
@_json
@click.pass_obj
def held(config: Path, feed: str | None, over: bool, as_json: bool) -> None:
    """Files that wait for you: their feed does not trust them, and nobody was told.

    The latest first. `waybill release ID` lets one in.
    """
    from entrypoints.cli.screen import console, print_json

    runtime = open_runtime(config)
    if feed is not None and feed not in runtime.feeds:
        raise click.ClickException(
            f"there is no feed {feed}; the feeds are {', '.join(runtime.feeds)}"
        )
    found = runtime.ledger.holds.latest(feed, over=over)
    files = {
        file.file_id: file for file in runtime.ledger.files.many([each.file_id for each in found])
    }
    if as_json:
        print_json([_plain(each, files[each.file_id]) for each in found])
        return
    if not found:
        console().print("no files are held")
        return
    console().print(_table(found, files))
    if any(each.released_at is None for each in found):
        console().print("`waybill release ID` lets a file in; the others stay where they are")


@click.command()
@click.argument("held_files", metavar="ID...", nargs=-1, required=True)
@click.option("--by", help="Who decides; you, unless given.")
@_json
@click.pass_obj
def release(config: Path, held_files: tuple[str, ...], by: str | None, as_json: bool) -> None:
    """Let held files in (by id, the start of it, name or key); it is kept who did it and when."""
    from entrypoints.cli.screen import print_json

    runtime = open_runtime(config)
    who = by or user()
    files = [one_file(runtime, each) for each in held_files]
    released = []
    for file in {each.file_id: each for each in files}.values():
        try:
            released.append(runtime.ledger.holds.release(file.file_id, who))
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        if not as_json:
            name = printable(file.item.name)
            click.echo(f"{name} is let in by {who}; the service or `waybill run` loads it")
    if as_json:
        holds = [(runtime.ledger.holds.of(file.file_id), file) for file in released]
        print_json([_plain(hold, file) for hold, file in holds if hold is not None])


def user() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except OSError:
        raise click.ClickException("who are you? Say it with --by NAME") from None


def _plain(hold: Hold, file: File) -> dict[str, object]:
    item = file.item
    return asdict(hold) | {
        "status": str(file.status),
        "name": item.name,
        "key": item.key,
        "sender": item.sender,
        "subject": item.detail.get("subject"),
        "sent_at": item.sent_at,
    }


def _table(holds: Sequence[Hold], files: dict[str, File]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "HELD (UTC)", "FEED")
    table.add_column("WHAT, FROM WHOM, WHY", overflow="fold", ratio=1)
    for hold in holds:
        item = files[hold.file_id].item
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
