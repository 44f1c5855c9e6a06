"""Commands about webhooks: set, list, rotate, test, remove."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pipelines.operations.webhooks import NewSecret, WebhookView


@click.group()
def webhooks() -> None:
    """Addresses to which receipts are posted as signed JSON."""


@webhooks.command(name="set")
@click.argument("url")
@click.option("--feed", help="For the receipts of this feed.")
@click.option("--sender", help="For the receipts to this sender, of every feed.")
@json_option
@click.pass_obj
def set_(config: Path, url: str, feed: str | None, sender: str | None, as_json: bool) -> None:
    """Post receipts to URL, and print the secret that they are signed with, this once."""
    from pipelines.operations.webhooks import set_webhook
    from schemas.webhook import WebhookScope

    if (feed is None) == (sender is None):
        raise click.UsageError("say for whom: --feed NAME or --sender ADDRESS")
    scope = WebhookScope.SENDER if feed is None else WebhookScope.FEED
    made = set_webhook(open_runtime(config), scope, feed or sender or "", url)
    _print(made, as_json)


@webhooks.command()
@click.argument("webhook_id")
@click.option("--hours", type=click.IntRange(0, 720), default=72, show_default=True,
              help="For so long the old secret is good, too.")  # fmt: skip
@json_option
@click.pass_obj
def rotate(config: Path, webhook_id: str, hours: int, as_json: bool) -> None:
    """Give WEBHOOK_ID a new secret, and print it, this once."""
    from pipelines.operations.webhooks import rotate_webhook

    _print(rotate_webhook(open_runtime(config), webhook_id, hours), as_json)


@webhooks.command(name="list")
@json_option
@click.pass_obj
def list_(config: Path, as_json: bool) -> None:
    """All webhooks, how many receipts wait for each, and what became of the last one."""
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.webhooks import list_webhooks

    found = list_webhooks(open_runtime(config))
    if as_json:
        print_json([_facts(each) for each in found])
    elif not found:
        console().print("there are no webhooks")
    else:
        console().print(_table(found))


@webhooks.command()
@click.argument("webhook_id")
@json_option
@click.pass_obj
def test(config: Path, webhook_id: str, as_json: bool) -> int:
    """Post a message of the type `test` to WEBHOOK_ID, and say what its server answers."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.webhooks import try_webhook

    status = try_webhook(open_runtime(config), webhook_id)
    if as_json:
        print_json({"webhook_id": webhook_id, "status": status})
    else:
        click.echo(f"its server answers {status}")
    return 0 if 200 <= status < 300 else 1


@webhooks.command()
@click.argument("webhook_id")
@json_option
@click.pass_obj
def remove(config: Path, webhook_id: str, as_json: bool) -> None:
    """Post nothing more to WEBHOOK_ID; what waits is given up."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.webhooks import remove_webhook

    remove_webhook(open_runtime(config), webhook_id)
    if as_json:
        print_json({"webhook_id": webhook_id})
    else:
        click.echo(f"webhook {webhook_id} is removed")


def _print(made: NewSecret, as_json: bool) -> None:
    from entrypoints.cli.screen import print_json

    if as_json:
        print_json(asdict(made.webhook) | {"secret": made.secret})
        return
    click.echo(f"webhook {made.webhook.webhook_id}", err=True)
    if made.secret is None:
        click.echo("it has its secret already; if that is lost: waybill webhooks rotate", err=True)
        return
    click.echo(made.secret)
    click.echo("keep it now: it is not shown again", err=True)


def _facts(view: WebhookView) -> dict[str, object]:
    last = view.last
    return asdict(view.webhook) | {
        "waiting": view.waiting,
        "last_state": last.state if last else None,
        "last_note": last.note if last else None,
    }


def _table(found: Sequence[WebhookView]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "WAITING", "LAST")
    table.add_column("FOR, ADDRESS", overflow="fold", ratio=1)
    for each in found:
        webhook, last = each.webhook, each.last
        word = "disabled" if webhook.disabled_at else f"{last.state}: {last.note}" if last else "–"
        where = f"{webhook.scope} {webhook.subject}: {webhook.url}"
        table.add_row(webhook.webhook_id, f"{each.waiting:,}", escape(printable(word)),
                      escape(printable(where)))  # fmt: skip
    return table
