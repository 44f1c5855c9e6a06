"""Commands about the warehouse's tables: plan and apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_with_contracts
from entrypoints.extras import has, install
from schemas.language import printable

if TYPE_CHECKING:
    from connectors.protocols import Change


@click.command()
@json_option
@click.pass_obj
def plan(config: Path, as_json: bool) -> None:
    """What `apply` would change: contracts and tables. Changes nothing.

    Every rule of every contract is tried; those that could never be evaluated are refused by file,
    line and path; so is a command after a load that is not found. Feeds that take the same objects
    are named, and contracts of workbooks that name no sheet. Exit status 1 when a person must
    decide something.
    """
    from pipelines.operations.after_loads import feed_commands
    from pipelines.operations.shared_objects import shared_objects
    from pipelines.operations.tables import plan as differences
    from pipelines.operations.unpinned_sheets import unpinned_sheets

    runtime, folder = open_with_contracts(config)
    changes = differences(runtime, folder)
    shared = [each.render() for each in shared_objects(runtime)]
    commands = [each.render() for each in feed_commands(runtime)]
    for note in (*shared, *commands, *unpinned_sheets(runtime)):
        click.echo(f"note: {printable(note)}", err=True)
    _print(changes, as_json, done=False)


@click.command()
@click.option("--reason", help="Why contracts are changed: `waybill contracts log` shows it.")
@click.option(
    "--remove", multiple=True, metavar="NAME", help="Take out of force; its file is gone."
)
@json_option
@click.pass_obj
def apply(config: Path, reason: str | None, remove: tuple[str, ...], as_json: bool) -> None:
    """Bring the ledger and the console's tables up to date; create tables, views and added columns;
    put the folder's changed contracts in force.

    Never drops or narrows anything, and overwrites no contract that others have changed: what needs
    a person is listed, with exit status 1.
    """
    from pipelines.operations.tables import apply as make_changes

    _bring_console_up_to_date(config)
    runtime, folder = open_with_contracts(config)
    _print(make_changes(runtime, folder, reason=reason, remove=remove), as_json, done=True)


def _bring_console_up_to_date(config: Path) -> None:
    """The console's tables, where the console is installed; a machine without it leaves them."""
    if not has("web"):
        click.echo(f"note: the console's tables are left as they are: {install('web')}", err=True)
        return
    from entrypoints.web.console.setup import migrate
    from entrypoints.web.context import web_context

    migrate(web_context(config))


def _print(changes: Sequence[Change], as_json: bool, *, done: bool) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console, plain_table, print_json

    undecided = [change for change in changes if not change.safe]
    if as_json:
        print_json(changes)
    elif not changes:
        console().print("the contracts are in force, and the warehouse has everything they ask for")
    else:
        table = plain_table("", "WHERE")
        table.add_column("WHAT", overflow="fold", ratio=1)
        sign = "[green]done[/]" if done else "[green]+[/]"
        for change in changes:
            what = escape(change.what)
            if change.todo:
                what += f"\n[yellow]{escape(change.todo)}[/]"
            table.add_row(sign if change.safe else "[yellow]decide[/]", escape(change.target), what)
        console().print(table)
        if not done and len(undecided) < len(changes):
            console().print("`waybill apply` makes the changes marked +")
    if undecided:
        raise click.exceptions.Exit(1)
