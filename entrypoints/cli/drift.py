"""Commands about drift: list, show, accept, dismiss."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import acting_here, feed_option, json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.operations.drift_decisions import Decision
    from pipelines.runtime import Runtime
    from schemas.drift import Drift


@click.group(invoke_without_command=True)
@feed_option
@click.option("--all", "decided", is_flag=True, help="Also what was accepted or dismissed.")
@json_option
@click.pass_context
def drift(context: click.Context, feed: str | None, decided: bool, as_json: bool) -> None:
    """What differs between the files that come and their contracts.

    Without a command: the list of what nobody has decided about, the latest first.
    """
    if context.invoked_subcommand is not None:
        return
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.drift_decisions import list_drifts

    found = list_drifts(open_runtime(context.obj), feed, decided=decided)
    if as_json:
        print_json([_plain(each) for each in found])
        return
    if not found:
        console().print("no drift: files and contracts agree")
        return
    console().print(_table(found))
    console().print("`waybill drift show ID` says what could be done")


@drift.command()
@click.argument("drift_id", metavar="ID")
@json_option
@click.pass_obj
def show(config: Path, drift_id: str, as_json: bool) -> None:
    """One drift: what was seen, in which files, and the change that would settle it."""
    from rich.markup import escape

    from entrypoints.cli.screen import console, print_json, when
    from pipelines.operations.drift_decisions import drift_named
    from schemas.odcs.edit import fragment

    runtime = open_runtime(config)
    found = drift_named(runtime, drift_id)
    if as_json:
        print_json(_plain(found))
        return
    out = console()
    finding = found.finding
    out.print(f"[bold]{finding.kind}[/]  {found.status}")
    out.print(f"  {escape(printable(finding.render()))}")
    for name, value in finding.values.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        out.print(f"  {name:8} {escape(printable(shown))}")
    out.print(f"  drift    {found.drift_id}, feed {found.feed}")
    out.print(f"  seen     {when(found.first_seen)} to {when(found.last_seen)}")
    out.print(f"  files    {found.files:,}, held back {len(found.held):,}")
    out.print(f"  senders  {found.senders:,}")
    for file_id in found.held[:10]:
        item = runtime.ledger.files.get(file_id).item
        out.print(f"           {file_id}  {escape(printable(item.key))}")
    if len(found.held) > 10:
        out.print(f"           … and {len(found.held) - 10:,} more")
    if finding.change is not None:
        contract = runtime.feeds[found.feed].contract if found.feed in runtime.feeds else "?"
        out.print(f"\nThe change to the contract {contract}, if it is accepted:\n")
        out.print(escape(printable_lines(fragment(finding.change))))
    out.print(f"waybill drift accept {found.drift_id}\nwaybill drift dismiss {found.drift_id}")


@drift.command()
@click.argument("drift_id", metavar="ID")
@json_option
@click.pass_obj
def accept(config: Path, drift_id: str, as_json: bool) -> None:
    """Change the contract as the drift says, and load the files it held back.

    The change is a new revision of the contract, comments kept, which every worker follows, once
    the table can. The file in the folder is brought to it, unless it has changes of its own.
    """
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings
    from pipelines.operations.drift_decisions import accept as accept_drift
    from pipelines.operations.drift_decisions import drift_named

    settings = read_settings(config)
    runtime = acting_here(build_runtime(settings))
    found = drift_named(runtime, drift_id)
    folder = settings.folders.contracts
    decision = accept_drift(runtime, folder, found)
    file = _file_of(runtime, folder, decision) if decision.contract is not None else None
    _tell(decision, as_json, file)


@drift.command()
@click.argument("drift_id", metavar="ID")
@json_option
@click.pass_obj
def dismiss(config: Path, drift_id: str, as_json: bool) -> None:
    """Leave the contract as it is. What the drift held back stays rejected."""
    from pipelines.operations.drift_decisions import dismiss as dismiss_drift
    from pipelines.operations.drift_decisions import drift_named

    runtime = open_runtime(config)
    _tell(dismiss_drift(runtime, drift_named(runtime, drift_id)), as_json)


def _plain(found: Drift) -> dict[str, Any]:
    """The drift as JSON shows it, with its sentence and the YAML of its change."""
    from schemas.odcs.edit import fragment

    change = found.finding.change
    return asdict(found) | {
        "message": found.finding.render(),
        "proposal": fragment(change) if change is not None else None,
    }


def _table(found: Any) -> Any:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    counts = ("FILES", "SENDERS", "HELD")
    table = plain_table("ID", "FEED", "STATUS", *counts, numbers=counts)
    table.add_column("WHAT", overflow="fold", ratio=1)
    for each in found:
        table.add_row(
            each.drift_id,
            escape(each.feed),
            str(each.status),
            f"{each.files:,}",
            f"{each.senders:,}",
            f"{len(each.held):,}",
            escape(printable(each.finding.render())),
        )
    return table


def printable_lines(text: str) -> str:
    """Several lines without control characters."""

    return "\n".join(map(printable, text.splitlines()))


def _file_of(runtime: Runtime, folder: Path, decision: Decision) -> str:
    """What became of the contract's file here, in a sentence."""
    from pipelines.operations.contract_revisions import pull
    from schemas.errors import WaybillError

    name = str(decision.contract)
    try:
        pulled = pull(runtime, folder, [name])
    except WaybillError as error:
        return f"the folder stays as it was: {error.message}"
    if pulled.files:
        return f"{pulled.files[0]} is changed, too"
    return f"{name} has changes of its own in the folder: see `waybill contracts diff {name}`"


def _tell(decision: Decision, as_json: bool, file: str | None = None) -> None:
    from entrypoints.cli.screen import print_json

    if as_json:
        print_json(asdict(decision))
        return
    click.echo(f"drift {decision.drift_id} is {decision.status}")
    if decision.contract is not None:
        click.echo(f"  contract {decision.contract}: revision {decision.revision} is in force")
        if file is not None:
            click.echo(f"  {file}")
    for change in decision.warehouse:
        click.echo(f"  {change.target}: {change.what}")
    if decision.replayed:
        click.echo(
            f"  files on their way again: {len(decision.replayed):,};"
            " the service or `waybill run` loads them"
        )
    if decision.waiting:
        click.echo(f"  files that another drift holds back, too: {len(decision.waiting):,}")
