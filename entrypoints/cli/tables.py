"""Commands about the warehouse's tables: plan and apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from connectors.protocols import Change


@click.command()
@json_option
@click.pass_obj
def plan(config: Path, as_json: bool) -> None:
    """What the warehouse lacks against the contracts; changes nothing.

    Every rule of every contract is tried; those that could never be evaluated are refused by file,
    line and path. Feeds that take the same objects are named. Exit status 1 when a person must
    decide something.
    """
    from pipelines.operations.shared_objects import shared_objects
    from pipelines.operations.tables import plan as differences

    runtime = open_runtime(config)
    changes = differences(runtime)
    for each in shared_objects(runtime):
        click.echo(f"note: {printable(each.render())}", err=True)
    _print(changes, as_json, done=False)


@click.command()
@json_option
@click.pass_obj
def apply(config: Path, as_json: bool) -> None:
    """Bring the ledger up to date; create tables, views and added columns.

    Never drops or narrows anything: what needs a person is listed, with exit status 1.
    """
    from pipelines.operations.tables import apply as make_changes

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
