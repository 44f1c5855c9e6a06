"""The `waybill` command. Each command's module is imported only when it runs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from schemas.errors import ConfigError, ContractError, RetryableError, WaybillError

COMMANDS = {
    "run": ("entrypoints.cli.service", "run", "One pass over the feeds, in the foreground."),
    "up": ("entrypoints.cli.service", "up", "Worker, beat and watch together: the service."),
    "worker": ("entrypoints.cli.service", "worker", "A Celery worker."),
    "watch": ("entrypoints.cli.service", "watch", "Hear of new files and mail at once."),
    "metrics": ("entrypoints.cli.service", "metrics", "Numbers for Prometheus."),
    "web": ("entrypoints.cli.web", "web", "Console for people, API for programs."),
    "mcp": ("entrypoints.cli.service", "mcp", "Tools for an assistant that only read."),
    "beat": ("entrypoints.cli.service", "beat", "The scheduler; one is enough."),
    "upload": ("entrypoints.cli.upload", "upload", "Send files to a feed."),
    "files": ("entrypoints.cli.files", "files", "The latest files and what became of them."),
    "show": ("entrypoints.cli.files", "show", "One file: its timeline and rejected rows."),
    "retry": ("entrypoints.cli.files", "retry", "Send a file on its way again."),
    "unmatched": ("entrypoints.cli.unmatched", "unmatched", "What no feed takes, and why."),
    "held": ("entrypoints.cli.held", "held", "Files that wait for you to let them in."),
    "release": ("entrypoints.cli.held", "release", "Let a held file in."),
    "trust": ("entrypoints.cli.trust", "trust", "Whom a feed trusts by their address."),
    "unload": ("entrypoints.cli.undo", "unload", "Take a file's rows out of its table."),
    "replay": ("entrypoints.cli.undo", "replay", "Run raw files again under today's contract."),
    "backfill": ("entrypoints.cli.undo", "backfill", "Take in what a source holds from before."),
    "resume": ("entrypoints.cli.files", "resume", "Let a stopped feed run again."),
    "infer": ("entrypoints.cli.infer", "infer", "What a file is; proposes a contract for it."),
    "init": ("entrypoints.cli.new", "init", "A project of your own, in a folder."),
    "new": ("entrypoints.cli.new", "new", "A feed made from files like those that will come."),
    "template": ("entrypoints.cli.template", "template", "A file for senders to fill in."),
    "check": ("entrypoints.cli.check", "check", "What would become of a file; loads nothing."),
    "drift": ("entrypoints.cli.drift", "drift", "Files that differ from their contracts."),
    "contracts": ("entrypoints.cli.contracts", "contracts", "Contracts in force; push, pull, log."),
    "alerts": ("entrypoints.cli.alerts", "alerts", "What is the matter now."),
    "freshness": ("entrypoints.cli.alerts", "freshness", "Which tables are late."),
    "verify": ("entrypoints.cli.audit", "verify", "Count every file's rows in the warehouse."),
    "explain": ("entrypoints.cli.audit", "explain", "Where a row in the warehouse comes from."),
    "reconcile": ("entrypoints.cli.recovery", "reconcile", "After a restore: who knows what."),
    "acts": ("entrypoints.cli.acts", "acts", "Who changed what."),
    "keys": ("entrypoints.cli.keys", "keys", "Keys by which programs are let in."),
    "links": ("entrypoints.cli.links", "links", "Links by which senders see receipts."),
    "webhooks": ("entrypoints.cli.webhooks", "webhooks", "Addresses that get receipts as JSON."),
    "cost": ("entrypoints.cli.cost", "cost", "What BigQuery billed, by feed and table."),
    "clean": ("entrypoints.cli.audit", "clean", "Remove what is older than `retention` says."),
    "plan": ("entrypoints.cli.tables", "plan", "What contracts and tables lack."),
    "apply": ("entrypoints.cli.tables", "apply", "Make tables and ledger; contracts in force."),
    "config": ("entrypoints.cli.setup", "config", "The effective configuration."),
    "doctor": ("entrypoints.cli.setup", "doctor", "Connect to every part and say what works."),
    "demo": ("entrypoints.cli.demo", "demo", "Watch the whole way, on this machine."),
}
"""Each command: its module, its name there, and its line in the help."""

EXIT_FAILED, EXIT_CONFIG, EXIT_AWAY = 1, 3, 4


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.yaml"),
    envvar="WAYBILL_CONFIG",
    show_default=True,
    show_envvar=True,
    help="Where things are.",
)
@click.version_option(package_name="waybill", prog_name="waybill")
@click.pass_context
def cli(context: click.Context, path: Path) -> None:
    """Files from buckets and mailboxes into partitioned BigQuery tables.

    Every row once, every sender answered.

    \b
    Exit status: 0 all well, 1 something failed or was not found, 2 wrong usage,
    3 configuration or contract wrong, 4 a part does not answer.
    """
    context.obj = path


def main() -> None:
    """Run the command; a person's mistake becomes a message on stderr, never a traceback."""
    try:
        # Without click's standalone mode a command's own exit status comes back as a value.
        status = cli.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted.
        sys.stderr.close()
        sys.exit(0)
    except WaybillError as error:
        click.echo(f"{click.style('error', fg='red', bold=True)}: {error.message}", err=True)
        if error.hint:
            click.echo(f"  {click.style('do', bold=True)}: {error.hint}", err=True)
        sys.exit(exit_status(error))


def exit_status(error: WaybillError) -> int:
    """The exit status for an error: its type alone decides."""
    if isinstance(error, ConfigError | ContractError):
        return EXIT_CONFIG
    return EXIT_AWAY if isinstance(error, RetryableError) else EXIT_FAILED
