"""What a dry run has found, as `waybill check` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.language import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.feed import Feed
    from pipelines.operations.dry_run import Checked
    from schemas.contract import Contract


def print_checked(checked: Checked, feed: Feed, contract: Contract) -> None:
    """Print what would become of a file."""
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
    for each in checked.warnings:
        out.print(f"  [yellow]look at[/]  {escape(printable(each))}")
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
    out.print()
    out.print(f"not judged: {escape('; '.join(map(printable, checked.not_judged)))}")


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
        such = "\n".join(
            f"{member}, line {line:,}: {message}" if member else f"line {line:,}: {message}"
            for line, message, member in group.examples
        )
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


def plain_of(checked: Checked, feed: Feed, contract: Contract) -> dict[str, Any]:
    """The same as JSON has it."""
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
