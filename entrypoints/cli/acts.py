"""The command about what people and programs have changed: acts."""

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

    from schemas.act import Act


@click.command()
@click.option("--on", "subject", help="Only on this file, feed, drift, alert or key.")
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="The most that are listed.",
)
@click.option("--verify", is_flag=True, help="Whether none was changed or taken out.")
@json_option
@click.pass_obj
def acts(config: Path, subject: str | None, limit: int, verify: bool, as_json: bool) -> None:
    """Who changed what, by API, command line or console; the newest first.

    Every act is sealed by the hash of the one before. --verify computes all of them anew and prints
    the last one: whoever keeps it elsewhere also sees that none was cut off the end. Exit status 1
    if one does not fit.
    """
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.acts import list_acts, verify_acts

    runtime = open_runtime(config)
    if verify:
        found = verify_acts(runtime)
        if as_json:
            print_json(found)
        elif found.broken_at is None:
            click.echo(f"{found.count:,} acts, unbroken; the last hash is {found.last_hash}")
        else:
            click.echo(f"act {found.broken_at} does not fit the one before, or was changed")
        if found.broken_at is not None:
            raise click.exceptions.Exit(1)
        return
    shown = list_acts(runtime, subject=subject, limit=limit)
    if as_json:
        print_json([asdict(each) for each in shown])
    elif not shown:
        console().print("nobody has changed anything")
    else:
        console().print(_table(shown))


def _table(found: Sequence[Act]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("NO", "AT (UTC)", "WHO", "VIA", "ACT", numbers=("NO",))
    table.add_column("ON WHAT", overflow="fold", ratio=1)
    for each in found:
        phase = "" if each.phase == "done" else f" {each.phase}"
        feed = f" of {each.feed}" if each.feed and each.feed != each.subject else ""
        table.add_row(
            str(each.number),
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            escape(printable(each.actor.who)),
            each.actor.via,
            f"{each.action}{phase}",
            escape(printable(f"{each.subject_kind} {each.subject}{feed}")),
        )
    return table
