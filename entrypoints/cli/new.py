"""Commands that begin something: init (a project) and new (a feed)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option
from schemas.errors import ConfigError
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.operations.new_feed import NewFeed


_OF_MAILS = ("mailbox", "mail_bucket")


@click.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), required=False
)
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Make a project of your own in FOLDER (here if not given).

    It has settings, one contract, one feed, a sample file, a Makefile, a CI workflow and a
    .gitignore. Nothing that is there is overwritten.
    """
    from entrypoints.cli.screen import print_json
    from entrypoints.extras import has
    from pipelines.operations.projects import make_project, origin_of_waybill

    extras = [each for each in ("web", "mcp") if has(each)]
    made = make_project(folder, extras)
    if as_json:
        print_json([str(path) for path in made])
        return
    for path in made:
        click.echo(f"wrote {path}")
    if (todo := origin_of_waybill(extras).todo) is not None:
        click.echo(f"first, in {folder}: {todo} (requirements.txt names the wheel that it makes)")
    click.echo(
        "next: make check (the first time it installs Waybill into .venv),"
        " then waybill new feed FILE for a file of your own"
    )


@click.group()
def new() -> None:
    """Make something new: `waybill new feed FILE...`."""


@new.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--name", help="The name of feed, contract and table; the first file's if not given.")
@click.option("--source", help="The source it comes from; needed where there are several.")
@click.option(
    "--match", default="", help="The glob of its files; made of their names, beside other feeds."
)
@click.option(
    "--write",
    type=click.Choice(["append", "merge", "replace_partition"]),
    default="append",
    show_default=True,
    help="What becomes of rows that are there.",
)
@click.option("--sheet", default="", help="The sheet of a workbook, by its name.")
@click.option("--member", default="", help="The member of an archive, by its name or a glob.")
@click.option("--force", is_flag=True, help="Overwrite a contract and feed of that name.")
@json_option
@click.pass_obj
def feed(
    config: Path,
    files: tuple[Path, ...],
    name: str | None,
    source: str | None,
    match: str,
    write: str,
    sheet: str,
    member: str,
    force: bool,
    as_json: bool,
) -> None:
    """Make a feed for files like FILES: infer a contract from the first, write it and a feed into
    the folders that config.yaml names, and check every file under them.

    Works offline. Read what was written and correct it: it is a guess. Exit status 1 when one of
    the files would not be accepted whole.
    """
    from datetime import UTC, datetime

    from connectors.registry import warehouse_capabilities
    from entrypoints.cli.screen import print_json
    from entrypoints.config.feeds import readable_feeds
    from entrypoints.config.settings import read_settings
    from pipelines.operations.new_feed import Wanted, make_feed
    from pipelines.operations.proposals import checked_name, name_of_file
    from schemas.file import Outcome

    settings = read_settings(config)
    sources = sorted(settings.sources)
    if source is None and len(sources) == 1:
        (source,) = sources
    if source not in sources:
        raise ConfigError(
            "say from which source the files come", hint=f"--source {' or '.join(sources)}"
        )
    wanted = Wanted(
        name=checked_name(name or name_of_file(files[0])),
        source=source,
        match=match,
        has_folders=settings.sources[source].type not in _OF_MAILS,
        write=write,
        sheet=sheet,
        member=member,
        force=force,
    )
    made = make_feed(
        files,
        wanted,
        settings.folders.contracts,
        settings.folders.feeds,
        readable_feeds(settings.folders.feeds),
        settings.limits,
        warehouse_capabilities(settings.warehouse.type),
        datetime.now(UTC).date(),
    )
    if as_json:
        print_json(_plain(made))
    else:
        _print(made)
    if any(each.outcome is not Outcome.ACCEPTED for each in made.checked):
        raise click.exceptions.Exit(1)


def _print(made: NewFeed) -> None:
    from entrypoints.cli.screen import console

    for each in made.checked:
        told = f"{each.counts.loaded:,} of {each.counts.read:,} rows would be loaded"
        click.echo(f"{printable(each.name)}: {each.outcome}, {printable(each.reason or told)}")
    console().print(f"\nthe feed takes {made.feed.match} of {made.feed.source}", markup=False)
    for line in _beside(made):
        click.echo(printable(line))
    click.echo(f"wrote {made.contract_path}\nwrote {made.feed_path}")
    click.echo("read and correct both, then: waybill plan; waybill apply; waybill run")


def _beside(made: NewFeed) -> Iterator[str]:
    """What has to be said of feeds that take the same files."""
    if made.match.wider is not None:
        other = made.match.avoided[0]
        yield (
            f"not {made.match.wider}: feed {other.feed} takes such files as well, as"
            f" {other.example}; drop them in {made.feed.name}/, or change `match`"
        )
    for other in made.match.overlaps:
        yield (
            f"warning: feed {other.feed} takes such files as well, as {other.example}: each would"
            " load them; narrow `match`, or set `exclude` in one of the two"
        )


def _plain(made: NewFeed) -> dict[str, object]:
    return {
        "name": made.feed.name,
        "match": made.feed.match,
        "source": made.feed.source,
        "narrowed_from": made.match.wider,
        "overlaps": [asdict(each) for each in made.match.overlaps],
        "contract": str(made.contract_path),
        "feed": str(made.feed_path),
        "files": [
            {
                "name": each.name,
                "outcome": str(each.outcome),
                "reason": each.reason,
                "rows": each.counts.read,
                "loaded": each.counts.loaded,
            }
            for each in made.checked
        ],
    }
