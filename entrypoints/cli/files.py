"""Commands about files: files, show, retry, resume."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.runtime import Runtime
    from schemas.file import File
    from schemas.reject import RejectedRow

_SINCE = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def since(text: str | None) -> datetime | None:
    """`2h`, `3d`, `2026-11-03` or `2026-11-03T10:00` as an aware moment (UTC).

    Raises click.BadParameter for anything else.
    """
    if text is None:
        return None
    if match := _SINCE.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f'"{text}": write 30m, 2h, 3d or 2026-11-03') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@click.option("--feed", help="Only this feed.")
@click.option("--status", help="Only this status or outcome, such as quarantined.")
@click.option("--since", "since_text", help="Only newer ones: 2h, 3d, 2026-11-03.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@_json
@click.pass_obj
def files(
    config: Path,
    feed: str | None,
    status: str | None,
    since_text: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """The latest files and what became of them, newest first."""
    from entrypoints.cli.screen import console, file_table, print_json

    runtime = open_runtime(config)
    try:
        found = runtime.ledger.files.latest(
            feed=feed, status=status, since=since(since_text), limit=limit
        )
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if as_json:
        print_json(found)
        return
    console().print(file_table(found))
    if not found:
        console().print("no files")
    for name in runtime.feeds:
        state = runtime.ledger.feeds.state(name)
        if state.stopped_at is not None:
            click.secho(f"feed {name} is stopped: {state.reason}", fg="red", err=True)
            click.echo(f"  then: waybill resume {name}", err=True)
    for name in runtime.ledger.feeds.to_load():
        if name in runtime.feeds and (wait := _wait(runtime, name)):
            click.secho(f"feed {name}: {wait}", fg="yellow", err=True)


@click.command()
@click.argument("file")
@click.option("--rows", default=20, show_default=True, help="Rejected rows to show.")
@_json
@click.pass_obj
def show(config: Path, file: str, rows: int, as_json: bool) -> None:
    """One FILE (its id, the start of it, its name or key): timeline and rejected rows."""
    from rich.markup import escape

    from entrypoints.cli.screen import (
        became,
        console,
        event_table,
        fact_table,
        print_json,
        reject_table,
    )
    from schemas.file import Status

    runtime = open_runtime(config)
    found = one_file(runtime, file)
    events = runtime.ledger.timelines.of(found.file_id)
    rejected = rejected_rows(runtime, found, rows)
    if as_json:
        from dataclasses import asdict

        print_json(
            asdict(found)
            | {"events": [asdict(e) for e in events], "rejected": [asdict(r) for r in rejected]}
        )
        return
    out = console()
    out.print(f"[bold]{escape(printable(found.item.name))}[/]  {became(found)}")
    out.print(fact_table(found))
    waits = found.status is Status.PREPARED and found.feed in runtime.feeds
    if waits and (why := _wait(runtime, found.feed)):
        out.print(f"  waits    {escape(why)}")
    out.print()
    out.print(event_table(events))
    if rejected:
        out.print()
        out.print(reject_table(rejected))


@click.command()
@click.argument("file")
@click.option(
    "--without-rows-beneath",
    "may_lose",
    is_flag=True,
    help="Let it take the place of rows under which others lie that cannot come back.",
)
@_json
@click.pass_obj
def retry(config: Path, file: str, may_lose: bool, as_json: bool) -> None:
    """Send a failed or finished FILE on its way again, from its landed bytes."""
    from entrypoints.cli.screen import print_json

    runtime = open_runtime(config)
    found = one_file(runtime, file)
    try:
        again = runtime.ledger.files.retry(found.file_id, may_lose=may_lose)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json(again)
    else:
        click.echo(f"{again.item.name} will be prepared again by the service or `waybill run`")


@click.command()
@click.argument("feed")
@click.pass_obj
def resume(config: Path, feed: str) -> None:
    """Let a stopped FEED run again, once its cause is mended."""
    runtime = open_runtime(config)
    if feed not in runtime.feeds:
        raise click.ClickException(
            f"there is no feed {feed}; the feeds are {', '.join(runtime.feeds)}"
        )
    running = not runtime.ledger.feeds.resume(feed)
    click.echo(f"feed {feed} " + ("was not stopped" if running else "runs again"))


def _wait(runtime: Runtime, feed: str) -> str | None:
    """Until when prepared files of the feed wait, and why; None if they do not."""
    from entrypoints.cli.screen import when
    from pipelines.quota import holding

    pause = holding(runtime, feed)
    if pause is None:
        return None
    return f"prepared files wait until {when(pause.until)} UTC: {pause.reason}"


def open_runtime(config: Path) -> Runtime:
    """The runtime of that config.yaml."""
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings

    return build_runtime(read_settings(config))


def one_file(runtime: Runtime, text: str) -> File:
    """The one file that the text names."""
    found = runtime.ledger.files.find(text)
    if not found:
        raise click.ClickException(f'no file has "{text}" as its id, name or key')
    if len(found) > 1 and not any(file.file_id == text for file in found):
        names = "\n".join(f"  {file.file_id}  {file.item.key}" for file in found[:10])
        raise click.ClickException(f'"{text}" names several files:\n{names}')
    return found[0]


def rejected_rows(runtime: Runtime, file: File, most: int) -> list[RejectedRow]:
    """The first rejected rows of a file, read from storage."""
    from itertools import islice

    from pipelines.stored_files import stored_rejects

    if file.rejects_key is None or most == 0:
        return []
    with stored_rejects(runtime, file.rejects_key) as rejects:
        return list(islice(rejects.rows, most))
