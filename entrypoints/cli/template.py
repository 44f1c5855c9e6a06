"""template: a file for senders to fill in, made from a feed's contract."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from entrypoints.cli.options import open_runtime


@click.command()
@click.argument("feed")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xlsx", "txt"]),
    help="txt: the rules in words. Default: as the feed's files are.",
)
@click.option("--language", help="Of the rules, such as es. Default: the feed's.")
@click.option("--no-example", is_flag=True, help="Leave the example out of the rows.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout."
)
@click.pass_obj
def template(
    config: Path,
    feed: str,
    form: str | None,
    language: str | None,
    no_example: bool,
    output: Path | None,
) -> None:
    """A file for the senders of FEED to fill in: the agreed header, and a made-up example that its
    contract takes.

    The workbook (xlsx) has drop-downs, and the rules in words in a sheet of their own.
    """
    from pipelines.operations.template import template_of

    runtime = open_runtime(config, lazy_warehouse=True)
    made = template_of(runtime, feed, form, language, has_example=not no_example)
    if output is None and made.name.endswith(".xlsx") and sys.stdout.isatty():
        raise click.UsageError("a workbook is not for a terminal: say -o FILE")
    if output is None:
        sys.stdout.buffer.write(made.content)
    else:
        output.write_bytes(made.content)
    if not made.has_example and not no_example:
        click.echo(
            "note: it has no example: no row is known that every rule of the contract takes",
            err=True,
        )
