"""infer: what a file is, how sure that is, and a contract proposed from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option
from schemas.errors import ConfigError
from schemas.language import printable

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.detect import Detected
    from pipelines.operations.first_rows import FirstRow

_SUFFIX = ".odcs.yaml"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", help="The contract's name; the file's own if not given.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the contract here, such as schemas/orders.odcs.yaml; printed if not given.",
)
@click.option("--sheet", default="", help="The sheet of a workbook, by its name.")
@click.option("--member", default="", help="The member of an archive, by its name or a glob.")
@click.option("--force", is_flag=True, help="Overwrite an existing contract.")
@json_option
def infer(
    file: Path,
    name: str | None,
    out: Path | None,
    sheet: str,
    member: str,
    force: bool,
    as_json: bool,
) -> None:
    """Say what FILE is and how sure that is, and propose a contract for files like it.

    A guess for a person to read and correct: no feed ever uses what was not written into its
    contract. Works offline.
    """
    from datetime import UTC, datetime

    from pipelines.operations.proposals import proposal_for
    from schemas.limits import Limits

    name = _name(file, name, out)
    if out is not None and out.exists() and not force:
        raise click.UsageError(f"{out} exists; --force overwrites it")
    today = datetime.now(UTC).date()
    made = proposal_for(file, name, Limits(), today, sheet=sheet, member=member)
    detected, text, first = made.detected, made.text, made.first
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    if as_json:
        _print_json(detected, name, text, out, first)
        return
    _print(file, detected, first)
    if out is None:
        click.echo(f"\n{text}", nl=False)
    else:
        click.echo(f"\nwrote {out}")
        click.echo("read it, correct it, then try: waybill check FILE --contract NAME")


def _name(file: Path, name: str | None, out: Path | None) -> str:
    """The contract's name: ODCS files are named after it."""
    if out is not None:
        if not out.name.endswith(_SUFFIX):
            raise click.BadParameter(
                f"a contract's file is named NAME{_SUFFIX}", param_hint="--out"
            )
        from_out = out.name.removesuffix(_SUFFIX)
        if name is not None and name != from_out:
            raise click.BadParameter(f"{out.name} must be {name}{_SUFFIX}", param_hint="--out")
        name = from_out
    from pipelines.operations.proposals import checked_name, name_of_file

    try:
        return checked_name(name or name_of_file(file))
    except ConfigError as error:
        raise click.BadParameter(f"{error.message}: {error.hint}", param_hint="--name") from error


def _print(file: Path, detected: Detected, first: tuple[FirstRow, ...]) -> None:
    from rich.markup import escape

    from entrypoints.cli.screen import console, first_table

    screen = console()
    part = "all of them" if detected.complete else "of its beginning, middle and end"
    screen.print(f"[bold]{escape(printable(file.name))}[/]: {detected.rows:,} rows read, {part}\n")
    screen.print(finding_table(detected))
    screen.print()
    screen.print(column_table(detected))
    if first:
        screen.print("\nthe first rows, and what they would be loaded as:\n")
        screen.print(first_table(first))


def finding_table(detected: Detected) -> Table:
    """What was found, how sure that is, and why."""
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("WHAT", "FOUND", "SURE", numbers=("SURE",))
    table.add_column("WHY", overflow="fold", ratio=1)
    table.columns[1].max_width, table.columns[1].overflow = 24, "fold"
    for each in detected.findings:
        table.add_row(
            each.what,
            escape(printable(each.value)),
            sure(each.confidence),
            escape(printable(each.evidence)),
        )
    return table


def column_table(detected: Detected) -> Table:
    """The columns: their types, how sure those are, and why."""
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("COLUMN", "TYPE", "SURE", numbers=("SURE",))
    table.add_column("WHY", overflow="fold", ratio=1)
    table.columns[0].max_width, table.columns[0].overflow = 20, "fold"
    for each in detected.columns:
        table.add_row(
            escape(each.name),
            str(each.type),
            sure(each.confidence),
            escape(printable(each.evidence)),
        )
    return table


def sure(confidence: float) -> str:
    """A confidence in percent: green from 90, yellow from 70, red below."""
    colour = "green" if confidence >= 0.9 else "yellow" if confidence >= 0.7 else "red"
    return f"[{colour}]{confidence:.0%}[/]"


def _print_json(
    detected: Detected, name: str, text: str, out: Path | None, first: tuple[FirstRow, ...]
) -> None:
    from dataclasses import asdict

    from entrypoints.cli.screen import print_json

    print_json(
        {
            "name": name,
            "rows": detected.rows,
            "complete": detected.complete,
            "dialect": asdict(detected.dialect),
            "findings": [asdict(each) for each in detected.findings],
            "columns": [asdict(each) for each in detected.columns],
            "first": [asdict(each) for each in first],
            "contract": text,
            "out": None if out is None else str(out),
        }
    )
