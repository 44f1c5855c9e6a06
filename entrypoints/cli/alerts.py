"""Commands about what is the matter: alerts and freshness."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.monitor.freshness import Freshness
    from pipelines.runtime import Runtime
    from schemas.alert import Alert


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--dismiss", is_flag=True, help="Put alerts of files away for good; with --note.")
@click.option("--note", default="", help="Why: for those who ask later.")
@click.option("--restore", is_flag=True, help="Take back what was dismissed.")
@click.option("--all", "resolved", is_flag=True, help="Also what is over.")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="The most that are listed.",
)
@click.option("--now", "look_now", is_flag=True, help="Look first, and send what is new.")
@json_option
@click.pass_obj
def alerts(
    config: Path,
    ids: tuple[str, ...],
    dismiss: bool,
    note: str,
    restore: bool,
    resolved: bool,
    limit: int,
    look_now: bool,
    as_json: bool,
) -> None:
    """What is the matter, the newest first. Beat looks every minute.

    The alert of a file that is quarantined, failed or held can be dismissed: it is not told of
    again, but it is for a later version of the file.

    --now looks at once and tells the destinations: for services without beat, and for a cron job on
    another machine that notices when all workers are dead. Exit status 1 while something is the
    matter.
    """
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.alerts import list_alerts
    from schemas.alert import OF_FILES

    if (dismiss or restore) != bool(ids) or (dismiss and restore):
        raise click.UsageError("name IDs with --dismiss or with --restore")
    runtime = open_runtime(config)
    if ids:
        _dismiss(runtime, ids, note, undo=restore)
        return
    found = list_alerts(runtime, resolved=resolved, limit=limit, evaluate=look_now)
    if as_json:
        print_json([_plain(each) for each in found])
    elif not found:
        console().print("nothing is the matter" if not resolved else "nothing was the matter")
    else:
        console().print(_alert_table(found))
        if any(each.resolved_at is None and each.trouble.kind in OF_FILES for each in found):
            console().print("`waybill alerts ID --dismiss --note WHY` puts a file's alert away")
    if any(each.resolved_at is None for each in found):
        raise click.exceptions.Exit(1)


@click.command()
@json_option
@click.pass_obj
def freshness(config: Path, as_json: bool) -> None:
    """Per table: the latest partition, the last load, what is expected, late or not.

    Exit status 1 when a table is late.
    """
    from entrypoints.cli.screen import console, print_json
    from pipelines.monitor.freshness import freshness as look_at

    found = look_at(open_runtime(config))
    if as_json:
        print_json(found)
    else:
        console().print(_freshness_table(found))
    if any(each.late for each in found):
        raise click.exceptions.Exit(1)


def _plain(alert: Alert) -> dict[str, Any]:
    """The alert as JSON shows it, all on one level."""
    return {
        "alert_id": alert.alert_id,
        **asdict(alert.trouble),
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "dismissed_by": alert.dismissed_by,
        "dismissed_note": alert.dismissed_note,
    }


def _dismiss(runtime: Runtime, ids: Sequence[str], note: str, *, undo: bool) -> None:
    from pipelines.operations.alerts import dismiss_alert

    for each in dict.fromkeys(ids):
        dismiss_alert(runtime, each, note, undo=undo)
        click.echo(f"{each} {'is told of again' if undo else 'is dismissed'}")


def _alert_table(found: Any) -> Any:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "SINCE (UTC)", "KIND", "OVER")
    table.add_column("WHAT", overflow="fold", ratio=1)
    for each in found:
        trouble = each.trouble
        text = escape(printable(trouble.says))
        if each.resolved_at is None and trouble.todo:
            text += f"\n[yellow]{escape(printable(trouble.todo))}[/]"
        if each.dismissed_by is not None:
            why = f"dismissed by {each.dismissed_by}: {each.dismissed_note}"
            text += f"\n[dim]{escape(printable(why))}[/]"
        table.add_row(
            each.alert_id,
            f"{each.opened_at:%m-%d %H:%M}",
            str(trouble.kind) if each.resolved_at else f"[red]{trouble.kind}[/]",
            f"{each.resolved_at:%m-%d %H:%M}" if each.resolved_at else "",
            text,
        )
    return table


def _freshness_table(found: list[Freshness]) -> Any:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    words = {None: "[dim]no promise[/]", True: "[red]late[/]", False: "[green]fresh[/]"}
    table = plain_table("FEED", "PARTITION", "LOADED (UTC)", "EXPECTED", "")
    table.add_column("TABLE", overflow="fold", ratio=1)
    for each in found:
        table.add_row(
            escape(each.feed),
            escape(each.latest_partition or "–"),
            f"{each.last_load:%m-%d %H:%M}" if each.last_load else "–",
            f"{each.expected_at:%m-%d %H:%M}" if each.expected_at else "–",
            words[each.late],
            escape(each.table.partition(".")[2]),
        )
    return table
