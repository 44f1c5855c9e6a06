"""Commands about links to receipts: new, revoke."""

from __future__ import annotations

from pathlib import Path

import click

from entrypoints.cli.options import json_option, open_runtime


@click.group()
def links() -> None:
    """Links by which senders see their receipts without a login.

    FILE is a file's id, the start of it, its name or its key.
    """


@links.command()
@click.argument("file")
@json_option
@click.pass_obj
def new(config: Path, file: str, as_json: bool) -> None:
    """Make a new link to FILE's receipt; those before it, revoked or not, are good no more."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.files import file_named
    from pipelines.operations.receipt_link import renew_link

    runtime = open_runtime(config)
    found = file_named(runtime, file)
    link = renew_link(runtime, found)
    if as_json:
        print_json({"file_id": found.file_id, "url": link.url, "until": link.until})
        return
    click.echo(link.url)
    click.echo("whoever has it sees all values of the file's rejected rows", err=True)


@links.command()
@click.argument("file")
@json_option
@click.pass_obj
def revoke(config: Path, file: str, as_json: bool) -> None:
    """End all links to FILE's receipt, from the next request on; none is made by itself again."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.files import file_named
    from pipelines.operations.receipt_link import revoke_link

    runtime = open_runtime(config)
    found = file_named(runtime, file)
    changed = revoke_link(runtime, found)
    if as_json:
        print_json({"file_id": found.file_id, "changed": changed})
    else:
        word = "good no more" if changed else "revoked before"
        click.echo(f"links to the receipt of file {found.file_id} are {word}")
