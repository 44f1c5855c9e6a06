"""check: the dry run of one file under a feed."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import json_option
from schemas.language import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.feed import Feed
    from pipelines.operations.dry_run import Checked
    from schemas.capabilities import Capabilities
    from schemas.contract import Contract
    from schemas.limits import Limits


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--feed", "feed_name", help="The feed under which it would come.")
@click.option("--contract", "contract_name", help="Only a contract: no feed is needed.")
@json_option
@click.pass_obj
def check(
    config: Path, file: Path, feed_name: str | None, contract_name: str | None, as_json: bool
) -> None:
    """Say what would become of FILE under a feed, or a contract: a dry run that loads nothing.

    Runs the real checks, offline: no broker, ledger, warehouse or network. Exit status 1 when the
    file would not be accepted whole.
    """
    from entrypoints.cli.screen import print_json, progress
    from pipelines.operations.dry_run import check as checked_file
    from schemas.file import Outcome

    if (feed_name is None) == (contract_name is None):
        raise click.UsageError("say --feed NAME or --contract NAME")
    if contract_name is not None:
        feed, contract, limits = _without_feed(config, contract_name)
    else:
        feed, contract, limits = _rules(config, str(feed_name))
    with tempfile.TemporaryDirectory(prefix="waybill-check-") as folder, progress() as bar:
        task = bar.add_task(f"checking {file.name[:30]}", total=None)
        checked = checked_file(
            file,
            feed,
            contract,
            limits,
            Path(folder),
            lambda: bar.advance(task),
            capabilities=_capabilities(config),
        )
    if as_json:
        print_json(_plain(checked, feed, contract))
    else:
        _print(checked, feed, contract)
    if checked.outcome is not Outcome.ACCEPTED:
        raise click.exceptions.Exit(1)


def _capabilities(config: Path) -> Capabilities:
    """What the configured warehouse can hold; it is not connected to."""
    from connectors.registry import warehouse_capabilities
    from entrypoints.config.settings import read_settings

    return warehouse_capabilities(read_settings(config).warehouse.type)


def _rules(config: Path, name: str) -> tuple[Feed, Contract, Limits]:
    """The feed, its contract and the limits; nothing is connected to."""
    from entrypoints.config.feeds import read_feeds
    from entrypoints.config.settings import read_settings
    from schemas.odcs.texts import read_contracts

    settings = read_settings(config)
    contracts, _ = read_contracts(settings.folders.contracts)
    feeds = read_feeds(settings.folders.feeds, contracts, settings.sources)
    if name not in feeds:
        raise click.ClickException(f"there is no feed {name}; the feeds are {', '.join(feeds)}")
    return feeds[name], contracts[feeds[name].contract], settings.limits


def _without_feed(config: Path, name: str) -> tuple[Feed, Contract, Limits]:
    """A contract by name, or its file, and a feed without a transform under it."""
    from entrypoints.config.settings import read_settings
    from pipelines.feed import Feed
    from schemas.contract import Contract
    from schemas.odcs.reader import SUFFIX, read_contract

    settings = read_settings(config)
    path = Path(name) if name.endswith(SUFFIX) else settings.folders.contracts / f"{name}{SUFFIX}"
    if not path.is_file():
        known = sorted(
            each.name.removesuffix(SUFFIX) for each in settings.folders.contracts.glob(f"*{SUFFIX}")
        )
        raise click.ClickException(
            f"there is no contract {name}; the contracts are {', '.join(known)}"
        )
    contract = read_contract(path)
    if not isinstance(contract, Contract):
        raise click.ClickException(f"{name} is a view, which no file is loaded into")
    columns = tuple(column for column in contract.columns if not column.derived)
    contract = replace(contract, columns=columns)
    feed = Feed(name="none", source="none", match="*", contract=contract.name)
    return feed, contract, settings.limits


def _print(checked: Checked, feed: Feed, contract: Contract) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console, first_table

    out = console()
    name = escape(printable(checked.name))
    out.print(
        f"[bold]{name}[/] under"
        + (f" feed {feed.name}," if feed.source != "none" else "")
        + f" contract {contract.name}: {_verdict(checked)}"
    )
    if checked.reason:
        out.print(f"  why      {escape(printable(checked.reason))}")
    _print_counts(out, checked, contract)
    for each in checked.uneven:
        out.print(
            f"  [red]pieces[/]   the transform gives other rows when the file is cut otherwise:"
            f" {escape(printable(each))}"
        )
    if checked.uneven:
        out.print("           drop chunked=True: it is for functions that look at each row alone")
    _print_differences(out, checked, feed)
    if checked.first:
        out.print()
        out.print(first_table(checked.first))
    _print_columns(out, checked)
    if checked.rejects:
        _print_rejects(out, checked)
    if checked.quotas:
        _print_quotas(out, checked)


def _verdict(checked: Checked) -> str:
    colour = {"accepted": "green", "partly": "yellow"}.get(str(checked.outcome), "red")
    return f"[{colour}]{checked.outcome}[/]"


def _print_counts(out: Console, checked: Checked, contract: Contract) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import lines_of

    counts = checked.counts
    if counts.read:
        out.print(
            f"  rows     {counts.read:,} read = {counts.loaded:,} to load"
            f" + {counts.rejected:,} rejected + {counts.dropped:,} left out"
        )
    if lines := lines_of(checked.accounted):
        out.print(f"  lines    {lines}")
    if checked.accounted is not None and checked.accounted.others:
        others = ", ".join(map(printable, checked.accounted.others))
        out.print(f"  unread   not part of this feed: {escape(others)}")
    if checked.partitions and contract.partition is not None:
        first, last = checked.partitions[0], checked.partitions[-1]
        places = first if first == last else f"{first} to {last}"
        out.print(
            f"  touches  {len(checked.partitions):,} partitions of {contract.table}"
            f" ({escape(places)})"
        )


def _print_differences(out: Console, checked: Checked, feed: Feed) -> None:
    """What was detected, where it is not what the contract pins, and drift."""
    from rich.markup import escape

    for each in checked.disagreements:
        words = escape(printable(each.render()))
        out.print(f"  [yellow]differs[/]  {words} ({each.confidence:.0%} sure)")
    if checked.detected is not None and not checked.disagreements:
        out.print("  file     written as the contract pins it")
    for finding in checked.drift:
        word = "[yellow]drift[/]" if finding.held else "drift"
        out.print(f"  {word}    {escape(printable(finding.render(feed.language)))}")


def _print_columns(out: Console, checked: Checked) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    if not checked.columns or checked.detected is None:
        return
    table = plain_table("COLUMN", "FROM", "CAST TO")
    table.add_column("THE FILE SHOWS", overflow="fold", ratio=1)
    seen = {each.header: each for each in checked.detected.columns}
    for column, header in checked.columns:
        table.add_row(
            column.name,
            escape(printable(header)),
            str(column.type),
            escape(printable(seen[header].evidence)),
        )
    out.print()
    out.print(table)


def _print_rejects(out: Console, checked: Checked) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ROWS", "COLUMN", "RULE", numbers=("ROWS",))
    table.add_column("SUCH AS", overflow="fold", ratio=1)
    for group in checked.rejects:
        such = "\n".join(f"line {line:,}: {message}" for line, message in group.examples)
        lines = "\n".join(printable(line) for line in such.splitlines())
        table.add_row(
            f"{group.rows:,}",
            escape(printable(group.header or group.column or "whole row")),
            escape(group.rule),
            escape(lines),
        )
    out.print()
    out.print(table)


def _print_quotas(out: Console, checked: Checked) -> None:
    from entrypoints.cli.screen import plain_table

    numbers = ("USES", "OF", "SHARE")
    table = plain_table("BIGQUERY'S QUOTA", *numbers, numbers=numbers)
    for each in checked.quotas:
        table.add_row(each.what, f"{each.uses:,}", f"{each.of:,}", _percent(each.share))
    out.print()
    out.print(table)


def _percent(share: float) -> str:
    return "under 0.01%" if 0 < share < 0.0001 else f"{share:.2%}"


def _plain(checked: Checked, feed: Feed, contract: Contract) -> dict[str, Any]:
    from dataclasses import asdict

    plain = asdict(checked)
    plain["feed"], plain["contract"] = feed.name, contract.name
    plain["disagreements"] = [
        {
            "what": each.what,
            "pinned": each.pinned,
            "found": each.found,
            "confidence": each.confidence,
            "says": each.render(),
        }
        for each in checked.disagreements
    ]
    plain["drift"] = [
        {
            "kind": str(each.kind),
            "column": each.column,
            "held": each.held,
            "says": each.render(feed.language),
        }
        for each in checked.drift
    ]
    plain["columns"] = [
        {"name": column.name, "type": str(column.type), "header": header}
        for column, header in checked.columns
    ]
    for group in plain["rejects"]:
        del group["public"]
    plain["quotas"] = [
        {"what": each.what, "uses": each.uses, "of": each.of, "share": each.share}
        for each in checked.quotas
    ]
    return plain
