"""Commands about files and their feeds: files, show, retry, resume."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.asking import ask, yes_option
from entrypoints.cli.options import (
    feed_option,
    json_option,
    open_runtime,
    since_option,
    status_option,
)
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.operations.feeds import FeedPause
    from pipelines.operations.files import FileFilter
    from pipelines.operations.retry import Retried
    from pipelines.runtime import Runtime

_OTHERS = 10
"""How many files of the same name are listed below the newest."""


@click.command()
@feed_option
@status_option
@since_option
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="The most that are listed.",
)
@json_option
@click.pass_obj
def files(
    config: Path,
    feed: str | None,
    status: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """The latest files and what became of them, newest first."""
    from entrypoints.cli.screen import console, file_table, print_json
    from pipelines.operations.feeds import stopped_feeds, waiting_feeds
    from pipelines.operations.files import FileFilter, list_files

    runtime = open_runtime(config)
    wanted = FileFilter(feed=feed, status=status, since=since, limit=limit)
    found = list_files(runtime, wanted)
    if as_json:
        print_json(found)
        return
    console().print(file_table(found))
    if not found:
        console().print("no files")
    for each in stopped_feeds(runtime):
        click.secho(f"feed {each.feed} is stopped: {each.reason}", fg="red", err=True)
        click.echo(f"  then: waybill resume {each.feed}", err=True)
    for each in waiting_feeds(runtime):
        click.secho(f"feed {each.feed}: {_waits(each)}", fg="yellow", err=True)


@click.command()
@click.argument("file")
@click.option("--rows", default=20, show_default=True, help="Rejected rows to show.")
@json_option
@click.pass_obj
def show(config: Path, file: str, rows: int, as_json: bool) -> None:
    """One FILE (its id, the start of it, its name or key): timeline and rejected rows.

    Of several files of that name or key, the newest is shown, and the ids of the others are named.
    """
    from rich.markup import escape

    from entrypoints.cli.screen import (
        became,
        console,
        event_table,
        fact_table,
        file_table,
        print_json,
        reject_table,
    )
    from pipelines.operations.files import view_file

    found = view_file(open_runtime(config), file, rows)
    if as_json:
        print_json(
            asdict(found.file)
            | {
                "sheet": found.sheet or None,
                "events": [asdict(each) for each in found.events],
                "rejected": [asdict(each) for each in found.rejected],
                "others": [each.file_id for each in found.others],
            }
        )
        return
    out = console()
    out.print(f"[bold]{escape(printable(found.file.item.name))}[/]  {became(found.file)}")
    out.print(fact_table(found.file))
    if found.sheet:
        out.print(f"  sheet    {escape(printable(found.sheet))}")
    if found.waits is not None:
        out.print(f"  waits    {escape(_waits(found.waits))}")
    out.print()
    out.print(event_table(found.events))
    if found.rejected:
        out.print()
        out.print(reject_table(found.rejected))
    if found.others:
        out.print()
        more = "" if len(found.others) <= _OTHERS else f", the latest {_OTHERS}"
        out.print(f"this is the newest of that name; the others{more}:")
        out.print(file_table(found.others[:_OTHERS]))


@click.command()
@click.argument("file", required=False)
@feed_option
@status_option
@since_option
@click.option(
    "--without-rows-beneath",
    "may_lose",
    is_flag=True,
    help="Let it take the place of rows under which others lie that cannot come back.",
)
@yes_option
@json_option
@click.pass_obj
def retry(
    config: Path,
    file: str | None,
    feed: str | None,
    status: str | None,
    since: datetime | None,
    may_lose: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send a failed or finished FILE on its way again, from its landed bytes.

    Or, instead of one FILE, all files of a feed and a status, such as `--feed orders --status
    failed`. Files that cannot go again are named, with exit status 1.
    """
    from pipelines.operations.files import MAX_AT_ONCE, FileFilter, file_named
    from pipelines.operations.retry import retry as send_again

    runtime = open_runtime(config)
    if file is None:
        if status is None:
            raise click.UsageError("name a FILE, or the files by --status (and --feed, --since)")
        wanted = FileFilter(feed=feed, status=status, since=since, limit=MAX_AT_ONCE)
        _retry_all(runtime, wanted, may_lose, yes, as_json)
        return
    if feed or status or since:
        raise click.UsageError("name a FILE, or files by --feed, --status and --since; not both")
    again = send_again(runtime, file_named(runtime, file), may_lose=may_lose)
    if as_json:
        from entrypoints.cli.screen import print_json

        print_json(again)
    else:
        click.echo(f"{again.item.name} will be prepared again by the service or `waybill run`")


def _retry_all(
    runtime: Runtime, wanted: FileFilter, may_lose: bool, yes: bool, as_json: bool
) -> None:
    from pipelines.operations.files import list_files
    from pipelines.operations.retry import retry_files

    files = list_files(runtime, wanted)
    if files:
        ask([f"Send {len(files):,} files that are {wanted.status} on their way again."], yes)
    # The oldest first: they count before newer ones of the same name.
    done = retry_files(runtime, files[::-1], may_lose=may_lose)
    _print_retried(done, as_json)
    if len(files) == wanted.limit:
        click.echo(f"these are the newest {wanted.limit:,}; say it again for the others", err=True)
    if done.left:
        raise click.exceptions.Exit(1)


def _print_retried(done: Retried, as_json: bool) -> None:
    if as_json:
        from entrypoints.cli.screen import print_json

        left = [{"file_id": file.file_id, "reason": reason} for file, reason in done.left]
        print_json({"again": [file.file_id for file in done.again], "left": left})
        return
    click.echo(f"{len(done.again):,} files will be prepared again by the service or `waybill run`")
    for file, reason in done.left:
        click.echo(f"  {file.file_id}  left as it is: {printable(reason)}", err=True)


@click.command()
@click.argument("feed")
@json_option
@click.pass_obj
def resume(config: Path, feed: str, as_json: bool) -> None:
    """Let a stopped FEED run again, once its cause is fixed."""
    from pipelines.operations.feeds import resume as let_run

    was_stopped = let_run(open_runtime(config), feed)
    if as_json:
        from entrypoints.cli.screen import print_json

        print_json({"feed": feed, "was_stopped": was_stopped})
    else:
        click.echo(f"feed {feed} " + ("runs again" if was_stopped else "was not stopped"))


def _waits(pause: FeedPause) -> str:
    from entrypoints.cli.screen import when

    return f"prepared files wait until {when(pause.until)} UTC: {pause.reason}"
