"""Commands about keys: create, list, revoke, export."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.language import printable

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.key import Key

_ROLES = ("viewer", "operator", "steward", "admin")


@click.group()
def keys() -> None:
    """Keys by which programs are let in at the API.

    A viewer reads; an operator also sends files, corrects rows and retries; a steward also
    releases, decides about drift, unloads and replays, and sees all values; an admin also reads
    acts and sets webhooks.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    default="viewer",
    show_default=True,
    help="What it may do.",
)
@click.option("--feed", "feeds", multiple=True, help="A glob of feeds; may be given again.")
@click.option("--days", type=click.IntRange(1, 3650), help="Expires after so many days.")
@json_option
@click.pass_obj
def create(
    config: Path, name: str, role: str, feeds: tuple[str, ...], days: int | None, as_json: bool
) -> None:
    """Make a key for NAME and print it, this once: only its hash is kept."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.keys import create_key
    from schemas.key import Role

    if not feeds:
        raise click.UsageError('say for which feeds: --feed "orders*", or --feed "*" for all')
    expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    made = create_key(open_runtime(config), name, Role(role), feeds, expires)
    if as_json:
        print_json(asdict(made.key) | {"token": made.token})
        return
    click.echo(made.token)
    click.echo("keep it now: it is not shown again", err=True)


@keys.command(name="list")
@json_option
@click.pass_obj
def list_(config: Path, as_json: bool) -> None:
    """All keys, with their last use; secrets are not known."""
    from entrypoints.cli.screen import console, print_json
    from pipelines.operations.keys import list_keys

    found = list_keys(open_runtime(config))
    if as_json:
        print_json([asdict(each) for each in found])
    elif not found:
        console().print("there are no keys")
    else:
        console().print(_table(found))


@keys.command()
@click.argument("key_id")
@json_option
@click.pass_obj
def revoke(config: Path, key_id: str, as_json: bool) -> None:
    """Let nobody in by KEY_ID any more, from the next request on."""
    from entrypoints.cli.screen import print_json
    from pipelines.operations.keys import revoke_key

    done = revoke_key(open_runtime(config), key_id)
    if as_json:
        print_json({"key_id": key_id, "was_valid": done})
    else:
        click.echo(f"key {key_id} " + ("is revoked" if done else "was revoked before"))


@keys.command()
@click.option(
    "--for",
    "what",
    type=click.Choice(("review", "door")),
    default="review",
    show_default=True,
    help="For a person who reviews them, or for the serverless door.",
)
@click.pass_obj
def export(config: Path, what: str) -> None:
    """Every key as CSV, for a review of who may do what: no secrets, no hashes.

    For the serverless door (docs/door.md): the keys that it lets in as JSON, with their hashes.
    """
    from entrypoints.cli.screen import print_json
    from pipelines.operations.keys import door_keys, list_keys
    from pipelines.rejects.escape import harmless

    if what == "door":
        print_json(door_keys(open_runtime(config)))
        return

    names = ("key_id", "name", "role", "feeds", "created_at", "created_by", "expires_at",
        "revoked_at", "revoked_by", "last_used_at", "failures", "last_failed_at")  # fmt: skip
    out = csv.writer(sys.stdout)
    out.writerow(names)
    for key in list_keys(open_runtime(config)):
        facts = asdict(key) | {"feeds": " ".join(key.feeds)}
        out.writerow([harmless(_text(facts[name])) for name in names])


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else printable(str(value))


def _table(found: object) -> Table:
    from rich.markup import escape

    from entrypoints.cli.screen import plain_table

    table = plain_table("ID", "ROLE", "LAST USED (UTC)", "UNTIL (UTC)", "")
    table.add_column("NAME, FEEDS", overflow="fold", ratio=1)
    for each in found:  # type: ignore[attr-defined]
        table.add_row(
            each.key_id,
            str(each.role),
            f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never",
            f"{each.expires_at:%Y-%m-%d}" if each.expires_at else "–",
            _state(each),
            escape(printable(f"{each.name}: {', '.join(each.feeds)}")),
        )
    return table


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "[dim]revoked[/]"
    return "[green]valid[/]" if key.is_valid(datetime.now(UTC)) else "[dim]expired[/]"
