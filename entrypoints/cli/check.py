"""check: the dry run of one file under a feed."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import json_option
from schemas.language import printable

if TYPE_CHECKING:
    from pipelines.drift.detector import FeedHistory
    from pipelines.feed import Feed
    from schemas.capabilities import Capabilities
    from schemas.contract import Contract
    from schemas.limits import Limits


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--feed", "feed_name", help="The feed under which it would come.")
@click.option("--contract", "contract_name", help="Only a contract: no feed is needed.")
@click.option("--offline", is_flag=True, help="Ask the ledger nothing: drift as of a first file.")
@json_option
@click.pass_obj
def check(
    config: Path,
    file: Path,
    feed_name: str | None,
    contract_name: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Say what would become of FILE under a feed, or a contract: a dry run that loads nothing.

    Runs the real checks and gives the verdict of a run, without broker, warehouse or sources; of
    the ledger it asks which drifts of the feed were accepted, unless it is --offline. Exit status 1
    when the file would not be accepted whole.
    """
    from entrypoints.cli.check_report import plain_of, print_checked
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
            memory=None if offline or feed_name is None else _history(config, feed_name),
        )
    if as_json:
        print_json(plain_of(checked, feed, contract))
    else:
        print_checked(checked, feed, contract)
    if checked.outcome is not Outcome.ACCEPTED:
        raise click.exceptions.Exit(1)


def _capabilities(config: Path) -> Capabilities:
    """What the configured warehouse can hold; it is not connected to."""
    from connectors.registry import warehouse_capabilities
    from entrypoints.config.settings import read_settings

    return warehouse_capabilities(read_settings(config).warehouse.type)


def _history(config: Path, feed: str) -> FeedHistory | None:
    """What the ledger knows of a feed's earlier files; None, which is said, if it cannot be asked.
    A ledger that was never made is not made by asking."""
    from connectors.registry import connector_class
    from entrypoints.config.settings import read_settings
    from pipelines.prepare.history import history_of
    from schemas.errors import FatalError, RetryableError

    part = read_settings(config).ledger
    place = getattr(part.config, "file", None)
    if place is not None and not place.is_file():
        return None
    ledger = connector_class("ledger", part.type)(part.config)
    try:
        return history_of(ledger, feed)
    except (FatalError, RetryableError) as error:
        click.echo(f"the ledger cannot be asked: {printable(error.message)}", err=True)
        return None
    finally:
        ledger.close()


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
