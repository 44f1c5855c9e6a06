"""upload: files of this machine, sent to a feed."""

from __future__ import annotations

from pathlib import Path

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable


@click.command()
@click.argument("feed")
@click.argument(
    "paths",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@json_option
@click.pass_obj
def upload(config: Path, feed: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Send each FILE to FEED, under its own name, whatever the feed's match says.

    A worker takes it from there; without one, `waybill run FEED` does. The same name sent again is
    a new version of the file.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.uploads import upload as take

    runtime = open_runtime(config)
    taken = []
    for path in paths:
        with path.open("rb") as stream:
            taken.append(take(runtime, feed, path.name, stream).file)
        if not as_json:
            click.echo(f"{taken[-1].file_id}  {printable(path.name)}")
    if as_json:
        print_json(taken)
