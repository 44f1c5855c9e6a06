"""Commands about the web process: the server itself, and the first of those who may sign in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

import click

from entrypoints.cli.options import log_level_option, set_up_log
from entrypoints.extras import needs


@click.group(invoke_without_command=True)
@log_level_option
@click.pass_context
def web(context: click.Context, log_level: str) -> None:
    """The console for people and the API for programs, where `web` in config.yaml says.

    TERM lets requests under way finish.
    """
    needs("web", "web")
    if context.invoked_subcommand is not None:
        return
    from entrypoints.web.server import serve

    set_up_log(context.obj, log_level)
    serve(context.obj, log_level)


@web.command()
@click.argument("name")
@click.option("--email", default="", help="Where a link for a new password is sent.")
@click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    help="Read the password from a file, or from stdin with `-`; else it is asked for.",
)
@click.pass_obj
def createadmin(config: Path, name: str, email: str, password_file: TextIO | None) -> None:
    """Let NAME sign in to the console as an admin of all feeds, who then adds the others.

    For somebody who is there already it sets the password and the role anew.
    """
    from entrypoints.cli.options import acting_here
    from entrypoints.web.console.people.first import create_admin
    from entrypoints.web.context import web_context

    if password_file is not None:
        password = password_file.read().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise click.UsageError(
            "nobody can be asked for a password here: --password-file FILE, or -"
        )
    context = web_context(config)
    create_admin(context, acting_here(context.runtime), name, email, password)
    click.echo(f"{name} can sign in now")
