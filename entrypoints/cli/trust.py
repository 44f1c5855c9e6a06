"""Commands about trusted senders: add, list, revoke."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import feed_option, json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from schemas.trust import TrustedSender

_feed = click.option("--feed", required=True, help="For this feed.")


@click.group()
def trust() -> None:
    """Addresses whose files a feed takes, besides the senders that it names itself.

    What the feed requires of a mail (DKIM, SPF, DMARC) must still speak for the address. A feed
    that requires nothing believes whoever writes the address into a mail.
    """


@trust.command()
@click.argument("address")
@_feed
@json_option
@click.pass_obj
def add(config: Path, address: str, feed: str, as_json: bool) -> None:
    """Trust ADDRESS from now on. What is held already stays so: `waybill release`."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.trusted_senders import asked_proof, trust_sender

    runtime = open_runtime(config)
    trusted, require = trust_sender(runtime, feed, address), asked_proof(runtime, feed)
    if as_json:
        print_json({**asdict(trusted), "require": require})
        return
    said = f"{trusted.address} is trusted for {feed}, by {trusted.trusted_by}"
    click.echo(f"{printable(said)} since {trusted.trusted_at:%Y-%m-%d %H:%M} UTC")
    if not require:
        click.echo(
            f"warning: feed {feed} asks for no proof: whoever writes this address into a mail is"
            ' let in; trust=Trust(…, require=("dmarc",)) asks for one'
        )


@trust.command(name="list")
@feed_option
@json_option
@click.pass_obj
def list_(config: Path, feed: str | None, as_json: bool) -> None:
    """Who is trusted for which feed, by whom and since when."""
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.feeds import feed_named
    from pipelines.operations.trusted_senders import list_trusted

    runtime = open_runtime(config)
    only = None if feed is None else [feed_named(runtime, feed).name]
    found: list[TrustedSender] = []
    after: tuple[str, str] | None = None
    while page := list_trusted(runtime, None, only, after):
        found += page
        after = (page[-1].sender, page[-1].feed)
    if as_json:
        print_json([asdict(each) for each in found])
    elif not found:
        console().print("nobody is trusted but the senders that the feeds name themselves")
    else:
        console().print(_table(found))


@trust.command()
@click.argument("address")
@_feed
@json_option
@click.pass_obj
def revoke(config: Path, address: str, feed: str, as_json: bool) -> None:
    """Trust ADDRESS no more; what was let in stays so."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.trusted_senders import distrust_sender

    done = distrust_sender(open_runtime(config), feed, address)
    if as_json:
        print_json({"address": address, "feed": feed, "was_trusted": done})
    else:
        said = "is trusted no more" if done else "was not trusted"
        click.echo(printable(f"{address} {said} for {feed}"))


def _table(found: Sequence[TrustedSender]) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("FEED", "SINCE (UTC)")
    table.add_column("ADDRESS, BY WHOM", overflow="fold", ratio=1)
    for each in found:
        who = f"{each.address}, by {each.trusted_by}"
        table.add_row(
            escape(each.feed), f"{each.trusted_at:%Y-%m-%d %H:%M}", escape(printable(who))
        )
    return table
