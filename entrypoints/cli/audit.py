"""Commands that look back: verify, explain, clean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.asking import ask_if_large, yes_option
from entrypoints.cli.options import json_option, open_runtime, since_option
from schemas.errors import WaybillError
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.operations.explain import Explained
    from schemas.file import File


@click.command()
@click.argument("feeds", nargs=-1)
@click.option("--deep", is_flag=True, help="Prepare every raw file anew, and add up the table.")
@since_option
@yes_option
@json_option
@click.pass_obj
def verify(
    config: Path,
    feeds: tuple[str, ...],
    deep: bool,
    since: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Count the warehouse's rows of every file of FEEDS (all by default) against the ledger.

    Lines = header + rows + passed over, rows read = loaded + rejected + dropped + aggregated, and
    the table holds what was loaded less what was replaced. Every difference is named, and the exit
    status is 1 if there is one. What it would read is said, and asked first where that is much;
    --since reads only the days since then.

    With --deep nothing is taken from the records but which files are in force and in what order:
    raw files are counted by another reader and prepared anew, the table is compared with what they
    make by the rule, column by column, and the ledger with what the source lists. An error in one
    feed ends none of the others; the exit status then says that not all was checked.
    """
    from collections import Counter

    from rich.markup import escape

    from entrypoints.cli import exit_status
    from entrypoints.cli.screen import console, plain_table, print_json, progress
    from pipelines.failure import sentence_of
    from pipelines.operations.audit import audit
    from pipelines.operations.cost import verify_estimate
    from pipelines.operations.feeds import feeds_named

    runtime = open_runtime(config, is_strict=True)
    names = feeds_named(runtime, feeds)
    ask_if_large(verify_estimate(runtime, names, since, deep=deep), yes)
    with progress() as bar:
        task = bar.add_task("counting", total=None)
        done = audit(
            runtime,
            names,
            since,
            is_deep=deep,
            progress=lambda name, files: bar.update(
                task, description=f"counting {name}", completed=files
            ),
        )
    found, skipped, files = done.differences, done.not_looked_into, done.files
    if as_json:
        said = {"files": files, "differences": _plain(found)}
        said["not_checked"] = {name: sentence_of(error) for name, error in done.failed}
        print_json(said | ({"not_looked_into": _plain(skipped)} if deep else {}))
    elif found:
        table = plain_table("FILE", "NAME", "SHOULD", "IS", numbers=("SHOULD", "IS"))
        table.add_column("FIGURE", overflow="fold", ratio=1)
        for each in found:
            table.add_row(
                escape(printable(each.file_id[:8])),
                escape(printable(each.name or "unknown to the ledger")),
                f"{each.expected:,}",
                f"{each.found:,}",
                escape(each.figure),
            )
        console().print(table)
    if not as_json:
        wrong = len({each.file_id for each in found})
        verdict = "every row is accounted for" if done.is_whole else "not all could be checked"
        verdict = f"{wrong:,} of them differ" if wrong else verdict
        console().print(f"{files:,} files checked: {verdict}")
        for why, count in Counter(each.why for each in skipped).items():
            console().print(f"{count:,} files were not looked into: {escape(printable(why))}")
    for name, error in done.failed:
        click.echo(printable(f"feed {name} was not checked: {sentence_of(error)}"), err=True)
    if found or not done.is_whole:
        away = [error for _, error in done.failed if isinstance(error, WaybillError)]
        raise click.exceptions.Exit(exit_status(away[0]) if away and not found else 1)


def _plain(found: object) -> object:
    from dataclasses import asdict

    return [asdict(each) for each in found]  # type: ignore[attr-defined]


@click.command()
@click.argument("table")
@click.option("--where", required=True, help="Which rows: an SQL condition, such as \"id = 'A1'\".")
@click.option(
    "--limit",
    default=5,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="The most that are listed.",
)
@since_option
@yes_option
@json_option
@click.pass_obj
def explain(
    config: Path,
    table: str,
    where: str,
    limit: int,
    since: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Where rows of TABLE (or of a contract) come from, and what they went through.

    Tells file, line, sender, checks and times, the line as it stood in the raw file, and what the
    row's batch replaced. Exit status 1 when no row is found. What it would read is asked first
    where that is much.
    """
    from pipelines.operations.cost import explain_estimate
    from pipelines.operations.explain import contract_named
    from pipelines.operations.explain import explain as explained

    runtime = open_runtime(config)
    contract = contract_named(runtime, table)
    ask_if_large(explain_estimate(runtime, contract, where, since), yes)
    found = explained(runtime, contract, where, limit, since)
    if as_json:
        from dataclasses import asdict

        from entrypoints.cli.screen import print_json

        print_json([asdict(each) for each in found])
    else:
        for each in found:
            _print(each)
    if not found:
        click.echo("no row meets that condition", err=True)
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@click.pass_obj
def clean(config: Path, dry_run: bool, as_json: bool) -> None:
    """Remove what is older than `retention` says; never what is still needed.

    The service does the same by itself, every hour.
    """
    from collections import Counter

    from entrypoints.cli.screen import console, plain_table, print_json, progress
    from pipelines.operations.retention import clean as clean_step

    runtime = open_runtime(config, is_strict=True)
    counts: Counter[str] = Counter()
    with progress() as bar:
        task = bar.add_task("cleaning", total=None)
        more = True
        while more:
            done = clean_step(runtime, dry_run=dry_run)
            counts.update({each.kind: each.count for each in done})
            bar.update(task, completed=counts.total())
            more = any(each.more for each in done)
    if as_json:
        print_json(dict(counts))
        return
    table = plain_table("KIND", "WOULD GO" if dry_run else "GONE", numbers=("WOULD GO", "GONE"))
    for kind, count in counts.items():
        table.add_row(kind, f"{count:,}")
    console().print(table)


def _sender_of(file: File) -> str:
    if file.item.sender is None and (who := file.item.detail.get("uploaded_by")):
        return f"uploaded by {who}"
    return file.item.sender or "not known to the source"


def _print(row: Explained) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console, event_table, when

    def said(text: object) -> str:
        return escape(printable(str(text)))

    out = console()
    values = ", ".join(f"{name}={value}" for name, value in row.values.items())
    out.print(f"[bold]{said(values)}[/]")
    file = row.file
    if file is None:
        out.print(f"  file     {row.file_id}, which the ledger no longer knows")
    else:
        out.print(f"  file     {said(file.item.name)} ({file.file_id}), feed {file.feed}")
        if file.corrects:
            out.print(f"  corrects {said(file.corrects)}, whose line is told")
        out.print(f"  key      {said(file.item.key)} at source {file.source}")
        out.print(f"  sender   {said(_sender_of(file))}")
        out.print(f"  sent     {when(file.item.sent_at)} UTC")
    inside = f" of sheet {row.sheet}" if row.sheet else ""
    if row.member or row.member_name:
        inside += f" of member {row.member_name or row.member}"
    out.print(f"  line     {row.line:,}{said(inside)}")
    out.print(f"  as sent  {said(row.raw) if row.raw is not None else row.raw_missing}")
    out.print(f"  loaded   {when(row.loaded_at)} UTC by batch {row.batch_id}")
    gone = sum(each.rows for each in row.replaced)
    if gone:
        files = ", ".join(f"{each.rows:,} of {each.file_id}" for each in row.replaced[:5])
        out.print(f"  replaced {gone:,} rows by that batch: {files}")
    out.print(f"  checked  {said('; '.join(row.checks))}")
    if row.events:
        out.print(event_table(row.events))
    out.print()
