"""The command about money: cost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import Moment, feed_option, json_option, open_runtime

if TYPE_CHECKING:
    from pipelines.operations.cost import CostReport


@click.command()
@click.option(
    "--since", type=Moment(), default="30d", show_default=True, help="2h, 3d, 2026-11-03."
)
@feed_option
@click.option("--compare", is_flag=True, help="Ask BigQuery's own list of jobs for the total.")
@json_option
@click.pass_obj
def cost(config: Path, since: datetime, feed: str | None, compare: bool, as_json: bool) -> None:
    """What BigQuery billed our queries for, by feed, table and command.

    From our own record of the bytes of each job. Load jobs and deleting whole partitions are free.
    The price of a TiB is `warehouse.price_per_tib`.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.cost import cost as report_of

    report = report_of(open_runtime(config), since, feed=feed, compare=compare)
    if as_json:
        print_json(report)
    else:
        _print(report, compare)


def _print(report: CostReport, compare: bool) -> None:
    from rich.markup import escape

    from entrypoints.cli.asking import size_of
    from entrypoints.cli.screen import console, plain_table, when

    out = console()
    if not report.sums:
        out.print(f"no query was billed since {when(report.since)} UTC")
        return
    table = plain_table("FEED", "TABLE", "FOR", "JOBS", "BILLED", numbers=("JOBS", "BILLED"))
    for each in report.sums:
        table.add_row(
            escape(each.feed or "-"),
            escape(each.table or "-"),
            escape(each.command),
            f"{each.jobs:,}",
            size_of(each.bytes_billed),
        )
    out.print(table)
    total = f"{size_of(report.bytes_billed)} since {when(report.since)} UTC"
    out.print(f"{total}: about ${report.dollars:,.2f} on demand")
    if compare and report.warehouse_bytes is None:
        out.print("BigQuery shows no list of jobs here")
    elif report.warehouse_bytes is not None:
        out.print(f"BigQuery's own list says {size_of(report.warehouse_bytes)}")
