"""Commands about the warehouse's tables: plan and apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from connectors.protocols import Change

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_json
@click.pass_obj
def plan(config: Path, as_json: bool) -> None:
    """What the warehouse lacks against the contracts; changes nothing.

    Exit status 1 when a person must decide something.
    """
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings

    runtime = build_runtime(read_settings(config))
    changes = runtime.warehouse.plan(runtime.tables(), runtime.views)
    _print(changes, as_json, done=False)


@click.command()
@_json
@click.pass_obj
def apply(config: Path, as_json: bool) -> None:
    """Bring the ledger up to date; create tables, views and added columns.

    Never drops or narrows anything: what needs a person is listed, with exit status 1.
    """
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings
    from pipelines.monitor.freshness import publish

    runtime = build_runtime(read_settings(config))
    runtime.ledger.migrate()
    changes = runtime.warehouse.apply(runtime.tables(), runtime.views)
    publish(runtime)
    _print(changes, as_json, done=True)


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
