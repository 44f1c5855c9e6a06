"""The command for after a restore: reconcile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime

if TYPE_CHECKING:
    from pipelines.operations.reconcile import Reconciled


@click.command()
@click.argument("feeds", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@click.pass_obj
def reconcile(config: Path, feeds: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Bring ledger and warehouse to agree, after one of them was restored from an older copy.

    What the warehouse has recorded and the ledger does not know is written into the ledger; what
    the warehouse has lost is loaded again from its raw bytes. FEEDS are all feeds by default. Stop
    the service first, and say `waybill resume` for each feed afterwards. Exit status 1 when rows
    are lost for good or a person must decide.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.feeds import feeds_named
    from pipelines.operations.reconcile import reconcile as made_to_agree

    runtime = open_runtime(config, is_strict=True)
    names = feeds_named(runtime, feeds)
    found = [made_to_agree(runtime, name, dry_run=dry_run) for name in names]
    if as_json:
        print_json(found)
    else:
        for each in found:
            _print(each, dry_run)
    if any(each.lost or each.unload for each in found):
        raise click.exceptions.Exit(1)


def _print(found: Reconciled, dry_run: bool) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console
    from pipelines.operations.reconcile import NOT_KNOWN

    out = console()
    out.print(f"[bold]{escape(found.feed)}[/]  {escape(found.table)}")
    if found.agreed:
        out.print("  ledger and warehouse agree")
        return
    verb = "would be" if dry_run else "were"
    lines = (
        (found.new, f"files {verb} written into the ledger, which did not know them"),
        (found.corrected, f"files {verb} corrected in the ledger"),
        (len(found.again), f"files {verb} sent on their way again: the warehouse lost their rows"),
        (len(found.lost), "files are lost: neither warehouse, storage nor source has them"),
        (len(found.unload), "files were unloaded by a person, and their rows are back"),
    )
    for count, text in lines:
        if count:
            out.print(f"  {count:>7,}  {text}")
    for name, ids in (("lost", found.lost), ("unload again", found.unload)):
        for file_id in ids[:20]:
            out.print(f"    {name}: {file_id}")
    if found.new or found.corrected:
        out.print("  not known from the warehouse:")
        for each in NOT_KNOWN:
            out.print(f"    {each}")
