"""Commands that undo and redo: unload, replay, backfill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.asking import ask, priced, yes_option
from entrypoints.cli.options import json_option, open_runtime, since_option, until_option
from entrypoints.cli.work_bar import work_bar
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.runtime import Runtime
    from schemas.file import File

_SHOWN = 10
_snapshot = click.option(
    "--snapshot", is_flag=True, help="Keep the table as it is for a week, beside it."
)


@click.command()
@click.argument("file")
@_snapshot
@yes_option
@json_option
@click.pass_obj
def unload(config: Path, file: str, snapshot: bool, yes: bool, as_json: bool) -> None:
    """Take the rows of a FILE, or of all files of a BATCH, out of their table.

    FILE is an id, the start of one, a name or a key. The table is then what it would be had the
    file never come: rows that its rows had replaced are brought back, from the raw files; rows of
    files loaded later stay. It is one transaction, noted in etl_meta.removals. The raw file is
    kept, and `waybill replay FILE` loads it again.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.cost import unload_estimate
    from pipelines.operations.unload import files_to_unload, plan_unload
    from pipelines.operations.unload import unload as take_out

    runtime = open_runtime(config)
    undo = plan_unload(runtime, files_to_unload(runtime, file))
    ask(
        [
            f"Unload {_named(undo.files)}: {undo.rows:,} rows leave {undo.table}.",
            f"Rows under them come back from {_versions(undo.back)}." if undo.back else "",
            priced(unload_estimate(runtime, undo)),
        ],
        yes,
    )
    if snapshot:
        _keep(runtime, undo.feed)
    with _spinner() as doing:
        done = take_out(runtime, undo, doing)
    if as_json:
        print_json(asdict(done) | {"files": [each.file_id for each in done.files]})
        return
    click.echo(
        f"unloaded {done.rows_removed:,} rows of {_named(undo.files)} (batch {done.batch_id})"
    )
    if undo.back:
        click.echo(f"brought back {done.rows_restored:,} rows from under them")


@click.command()
@click.argument("target", metavar="FILE|FEED")
@since_option
@until_option
@click.option("--tell", is_flag=True, help="Mail the senders again, too.")
@_snapshot
@yes_option
@json_option
@click.pass_obj
def replay(
    config: Path,
    target: str,
    since: datetime | None,
    until: datetime | None,
    tell: bool,
    snapshot: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Run raw files again under today's contract, and replace their rows.

    A FILE, or a FEED's files in order, as far as they were sent in the time given. Nothing is
    fetched from the source. New rows take the place of the old ones: rows of files loaded later
    stay on top. Files that were quarantined or failed get another chance; repeats, superseded
    versions and unloaded files are left out, unless named. A file that today's contract refuses
    keeps the rows it had. Receipts beside the drops are written anew; mail goes out with --tell.
    """
    from pipelines.operations.cost import replay_estimate
    from pipelines.operations.files import file_named
    from pipelines.operations.replay import replay as run_again
    from pipelines.operations.replay import replayable

    runtime = open_runtime(config)
    if target in runtime.feeds:
        files = replayable(runtime, target, since, until)
    elif since or until:
        feeds = ", ".join(runtime.feeds)
        raise click.UsageError(f"--since and --until go with a feed; the feeds are {feeds}")
    else:
        files = [file_named(runtime, target)]
    if not files:
        raise click.ClickException(f"feed {target} has no such file to replay")
    rows = sum(file.counts.loaded for file in files if file.in_force)
    ask(
        [
            f"Replay {_named(files)} under today's contract:"
            f" {rows:,} rows are replaced, in the order in which the files were loaded.",
            priced(replay_estimate(runtime, files)),
        ],
        yes,
    )
    if snapshot:
        _keep(runtime, files[0].feed)
    with work_bar(runtime) as told:
        run_again(runtime, files, told, quiet=not tell)
    _show(runtime, [file.file_id for file in files], as_json)


@click.command()
@click.argument("feed")
@since_option
@until_option
@yes_option
@json_option
@click.pass_obj
def backfill(
    config: Path,
    feed: str,
    since: datetime | None,
    until: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Take in what the source of a FEED holds from the past.

    For a feed that came after its files, a mailbox whose cursor has moved on, or a wider `match`:
    the source is listed whole, and every version not taken in yet is. What was loaded stays as it
    is; nothing is loaded twice, and it may be broken off and repeated. Old files go under newer
    ones: each takes its place by when it was sent, and never replaces rows of files that were
    loaded since. To run what was taken in already again, use `waybill replay FEED`.
    """
    from pipelines.operations.backfill import backfill as take_in
    from pipelines.operations.feeds import feed_named

    runtime = open_runtime(config)
    source = feed_named(runtime, feed).source
    ask([f"List all of {source} and load what feed {feed} has not taken in yet."], yes)
    with work_bar(runtime) as told:
        seen, new = take_in(runtime, feed, since, until, told)
    if not as_json:
        click.echo(f"{seen:,} files in the source, {len(new):,} of them new")
    if as_json or new:
        _show(runtime, new, as_json)


def _keep(runtime: Runtime, feed: str) -> None:
    """Keep the feed's table as it is, and say under what name."""
    from pipelines.operations.snapshot import keep_table

    click.echo(f"kept as it is in {keep_table(runtime, feed)}", err=True)


def _named(files: Sequence[File]) -> str:
    """The files in a few words."""

    if len(files) == 1:
        return printable(files[0].item.name)
    names = ", ".join(printable(file.item.name) for file in files[:_SHOWN])
    more = ", …" if len(files) > _SHOWN else ""
    return f"{len(files)} files ({names}{more})"


def _versions(files: Sequence[File]) -> str:
    """The files, each with its id and when it was sent: several may have one name."""
    named = "; ".join(
        f"{printable(each.item.name)} (file {each.file_id[:8]},"
        f" sent {each.item.sent_at:%Y-%m-%d %H:%M:%S} UTC)"
        for each in files[:_SHOWN]
    )
    return f"{named}; …" if len(files) > _SHOWN else named


@contextmanager
def _spinner() -> Iterator[Callable[[str], None]]:
    from entrypoints.cli.screen import progress

    with progress() as bar:
        task = bar.add_task("looking", total=None)
        yield lambda doing: bar.update(task, description=doing[:40])


def _show(runtime: Runtime, ids: Sequence[str], as_json: bool) -> None:
    """The files as they are now; exit status 1 if one failed."""
    from entrypoints.cli.screen import file_table, show
    from schemas.file import Status

    files = list(runtime.ledger.files.many(ids))
    show(file_table(files, runtime), files, as_json)
    if any(file.status is Status.FAILED for file in files):
        raise click.exceptions.Exit(1)
