"""Commands about contracts: how the folder stands to what is in force, push, pull, log, diff."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import json_option, open_with_contracts
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.operations.contract_folder import FolderContract
    from schemas.contract_revision import ContractRevision

_names = click.argument("names", metavar="[NAME]...", nargs=-1)


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def contracts(context: click.Context, as_json: bool) -> None:
    """How the folder's contracts stand to the revisions in force.

    Without a command: the list. The revisions are in the ledger, and every worker follows them.
    """
    if context.invoked_subcommand is not None:
        return
    from rich.markup import escape

    from entrypoints.cli.screen import console, plain_table, print_json
    from pipelines.operations.contract_folder import compare

    found = compare(*open_with_contracts(context.obj))
    if as_json:
        print_json([_standing(each) for each in found])
        return
    table = plain_table("CONTRACT", "IN FORCE", "FOLDER", "MADE FROM")
    for each in found:
        base = str(each.base.number) if each.base is not None else "-"
        in_force = str(each.number) if each.newest is not None else "the folder"
        table.add_row(escape(each.name), in_force, str(each.state), base)
    console().print(table)


@contracts.command()
@_names
@click.option("--reason", help="Why: `waybill contracts log` shows it.")
@click.option("--force", is_flag=True, help="Also files made from an older revision; say why.")
@json_option
@click.pass_obj
def push(
    config: Path, names: tuple[str, ...], reason: str | None, force: bool, as_json: bool
) -> None:
    """Put the folder's new and changed contracts in force; tables stay (`waybill apply`).

    A file that was made from an older revision is left, with exit status 1.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.contract_revisions import push as push_contracts

    runtime, folder = open_with_contracts(config)
    done = push_contracts(runtime, folder, names, reason=reason, force=force)
    if as_json:
        left = [_standing(each) for each in done.left]
        print_json({"revisions": [_plain(each) for each in done.revisions], "left": left})
    else:
        for each in done.revisions:
            click.echo(f"{each.contract}: revision {each.number} is in force")
        if not done.revisions:
            click.echo("nothing to push")
        for name in done.tables:
            click.echo(
                f"{name}: run `waybill apply` now: loads wait for a table that lacks a column",
                err=True,
            )
    _undecided(done.left, as_json)


@contracts.command()
@_names
@click.option("--force", is_flag=True, help="Also over files with changes of their own.")
@json_option
@click.pass_obj
def pull(config: Path, names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Write the contracts in force into the folder.

    A file with changes of its own is left, with exit status 1 if it was made from an older
    revision.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.contract_revisions import pull as pull_contracts

    runtime, folder = open_with_contracts(config)
    done = pull_contracts(runtime, folder, names, force=force)
    if as_json:
        left = [_standing(each) for each in done.left]
        print_json({"files": [str(each) for each in done.files], "left": left})
    else:
        for path in done.files:
            click.echo(f"{path} is as the revision in force")
        if not done.files:
            click.echo("nothing to pull")
    _undecided(done.left, as_json)


@contracts.command()
@click.argument("name")
@click.option("--diff", "number", type=click.IntRange(1), help="What that revision has changed.")
@json_option
@click.pass_obj
def log(config: Path, name: str, number: int | None, as_json: bool) -> None:
    """A contract's revisions, the newest first: when, who, and why."""
    from rich.markup import escape

    from entrypoints.cli.screen import console, plain_table, print_json, when
    from pipelines.operations.contract_revisions import changes_of, revisions_of

    runtime, _ = open_with_contracts(config)
    found = revisions_of(runtime, name)
    if number is not None:
        _print_lines(changes_of(found, number))
        return
    if as_json:
        print_json([_plain(each) for each in found])
        return
    if not found:
        click.echo("the ledger has no revision of it yet: the folder's file is in force")
        return
    table = plain_table("", "WHEN", "WHO", "VIA")
    table.add_column("WHY", overflow="fold", ratio=1)
    for each in found:
        why = "removed" if each.text is None else ""
        why = "; ".join(filter(None, (why, printable(each.reason or ""))))
        who = escape(printable(each.actor.who))
        table.add_row(str(each.number), when(each.at), who, each.actor.via, escape(why))
    console().print(table)
    click.echo(f"`waybill contracts log {name} --diff {found[0].number}` shows what was changed")


@contracts.command()
@_names
@click.pass_obj
def diff(config: Path, names: tuple[str, ...]) -> None:
    """What the folder's files change against the revisions in force."""
    from pipelines.operations.contract_folder import FolderState, compare
    from pipelines.operations.contract_revisions import chosen

    for each in chosen(compare(*open_with_contracts(config)), names):
        if each.state is FolderState.SAME:
            continue
        base = f", made from revision {each.base.number}" if each.base is not None else ""
        click.echo(f"{each.name}: {each.state}{base}")
        _print_lines(each.diff())


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        click.echo(printable(line))


def _undecided(left: Sequence[FolderContract], as_json: bool) -> None:
    from pipelines.operations.contract_folder import FolderState

    if not as_json:
        for each in left:
            if each.state is FolderState.MISSING:
                said = (
                    "is in force, and the folder has no file of it:"
                    f" `waybill contracts pull {each.name}`"
                )
            else:
                base = each.base.number if each.base is not None else "an older one"
                said = (
                    f"the file was made from revision {base}, and {each.number} is in force:"
                    f" both have changed; see `waybill contracts diff {each.name}`"
                )
            click.echo(f"{each.name}: {said}")
    if any(each.state is FolderState.CONFLICT for each in left):
        raise click.exceptions.Exit(1)


def _standing(each: FolderContract) -> dict[str, Any]:
    return {
        "name": each.name,
        "state": str(each.state),
        "revision": each.number or None,
        "base": None if each.base is None else each.base.number,
    }


def _plain(each: ContractRevision) -> dict[str, Any]:
    return {
        "contract": each.contract,
        "revision": each.number,
        "sha256": each.sha256,
        "who": each.actor.who,
        "via": each.actor.via,
        "reason": each.reason,
        "drift_id": each.drift_id,
        "at": each.at,
    }
