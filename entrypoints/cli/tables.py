"""Commands about the warehouse's tables: plan and apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime

if TYPE_CHECKING:
    from connectors.protocols import Change


@click.command()
@json_option
@click.pass_obj
def plan(config: Path, as_json: bool) -> None:
    """What the warehouse lacks against the contracts; changes nothing.

    Exit status 1 when a person must decide something.
    """

    from pipelines.operations.tables import plan as differences

    _print(differences(open_runtime(config)), as_json, done=False)


@click.command()
@json_option
@click.pass_obj
def apply(config: Path, as_json: bool) -> None:
    """Bring the ledger and the console's tables up to date; create tables, views and added columns.

    Never drops or narrows anything: what needs a person is listed, with exit status 1.
    """
    from entrypoints.web.console.setup import migrate
    from entrypoints.web.context import web_context
    from pipelines.operations.tables import apply as make_changes

    migrate(web_context(config))
    _print(make_changes(open_runtime(config)), as_json, done=True)


def _print(changes: Sequence[Change], as_json: bool, *, done: bool) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console, plain_table, print_json

    undecided = [change for change in changes if not change.safe]
    if as_json:
        print_json(changes)
    elif not changes:
        console().print("the warehouse has everything the contracts ask for")
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
