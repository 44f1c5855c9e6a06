"""Options that commands share, and the runtime that they ask."""

from __future__ import annotations

import getpass
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.runtime import Runtime

_SINCE = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """`2h`, `3d`, `2026-11-03` or `2026-11-03T10:00` as an aware moment (UTC)."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment; fails with what could have been written."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        if match := _SINCE.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f'"{text}": write 30m, 2h, 3d or 2026-11-03', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
feed_option = click.option("--feed", help="Only this feed.")
status_option = click.option("--status", help="Only this status or outcome, such as quarantined.")
since_option = click.option(
    "--since", type=Moment(), help="Only what came since: 2h, 3d, 2026-11-03."
)
log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least level that is written to the log.",
)
until_option = click.option(
    "--until", type=Moment(), help="Only what came before: 2h, 3d, 2026-11-03."
)


def open_runtime(config: Path, *, lazy_warehouse: bool = False, is_strict: bool = False) -> Runtime:
    """The runtime of that config.yaml; with `lazy_warehouse` the warehouse's libraries are imported
    when it is first asked.

    A line on stderr names each contract and feed whose file is broken, and the others are there; an
    `is_strict` one raises one ConfigError or ContractError about all of them.
    """
    from entrypoints.config.assembly import broken_files, build_runtime
    from entrypoints.config.settings import read_settings

    runtime = build_runtime(
        read_settings(config), lazy_warehouse=lazy_warehouse, is_lenient=not is_strict
    )
    for each in broken_files(runtime):
        click.echo(f"warning: {printable(' '.join(each.error.message.split()))}", err=True)
    return acting_here(runtime)


def open_with_contracts(config: Path) -> tuple[Runtime, Path]:
    """The runtime of that config.yaml, and its folder of contracts."""
    from entrypoints.config.assembly import build_runtime
    from entrypoints.config.settings import read_settings

    settings = read_settings(config)
    return acting_here(build_runtime(settings)), settings.folders.contracts


def acting_here(runtime: Runtime) -> Runtime:
    """The runtime, in the name of who runs the command on this machine."""
    from schemas.act import Actor

    try:
        who = getpass.getuser()
    except (OSError, KeyError):
        who = "unknown"
    return replace(runtime, actor=Actor(who=who, via="cli", origin=socket.gethostname()))


def set_up_log(config: Path, level: str) -> None:
    """Let the log go to stderr, from that level on, as `log` in config.yaml says."""
    from entrypoints.config.settings import read_settings
    from entrypoints.log import write_log

    write_log(read_settings(config).log, level)
