"""Commands that do the work or let others see it: run, worker, beat, watch, metrics, up."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import json_option, log_level_option, open_runtime, set_up_log
from entrypoints.cli.work_bar import work_bar
from entrypoints.own_command import own_command
from schemas.errors import ConfigError, WaybillError, in_one

if TYPE_CHECKING:
    from entrypoints.worker.supervisor import Supervisor

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 5
_ENDING = {signal.SIGTERM, signal.SIGINT}


@click.command()
@click.argument("feeds", nargs=-1)
@json_option
@click.pass_obj
def run(config: Path, feeds: tuple[str, ...], as_json: bool) -> None:
    """One pass over FEEDS (all by default): discover, prepare, load, acknowledge.

    Needs no broker. A feed that fails keeps no other from its work. Exit status 1 when a file, or a
    feed, failed.
    """
    from entrypoints.cli.screen import file_table, show
    from entrypoints.config.assembly import broken_files
    from pipelines.operations.feeds import feeds_named
    from pipelines.operations.files import files_touched
    from pipelines.operations.run import run as run_pass
    from schemas.file import Status

    set_up_log(config, "warning")
    runtime = open_runtime(config)
    names = feeds_named(runtime, feeds)
    started = runtime.now()
    failed: WaybillError | None = None
    with work_bar(runtime) as told:
        try:
            run_pass(runtime, names, told)
        except WaybillError as error:
            failed = error
    files = files_touched(runtime, names, started)
    show(file_table(files, runtime), files, as_json)
    broken = [] if feeds else [each.error for each in broken_files(runtime)]
    if failed is not None or broken:
        raise failed or in_one(broken)
    if any(file.status is Status.FAILED for file in files):
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--concurrency", "-c", type=click.IntRange(1), help="Processes (default: config).")
@click.option("--queues", "-Q", help="Only these queues, separated by commas.")
@log_level_option
@click.pass_obj
def worker(config: Path, concurrency: int | None, queues: str | None, log_level: str) -> None:
    """A Celery worker. TERM finishes the task in hand; what waits stays in the queue."""
    if not _worker(config, concurrency, queues, log_level):
        _begin_again()


@click.command()
@click.option("--concurrency", "-c", type=click.IntRange(1), help="Processes (default: config).")
@log_level_option
@click.pass_obj
def up(config: Path, concurrency: int | None, log_level: str) -> None:
    """Worker, beat and watch in one service. For many machines: one `up`, further `worker`s.

    Beat or watch that ends is started again, after a pause that grows. Should one end eight times
    in a row, each time within a minute, all ends with exit status 1: let systemd or Docker start it
    again.
    """
    set_up_log(config, log_level)
    with _beside(config, log_level) as beside:
        ended_well = _worker(config, concurrency, None, log_level)
    if beside.gave_up is not None:
        raise click.ClickException(f"{beside.gave_up} ends again and again; the log says why")
    if not ended_well:
        _begin_again()


@click.command()
@log_level_option
@click.option("--parent", type=int, hidden=True, help="End with this process.")
@click.pass_obj
def beat(config: Path, log_level: str, parent: int | None) -> None:
    """The scheduler. A second one does no harm."""
    from entrypoints.worker.app import make_app
    from entrypoints.worker.beat import Beat
    from entrypoints.worker.parent import end_with

    set_up_log(config, log_level)
    if parent is not None:
        end_with(parent)
    Beat(app=make_app(config), loglevel=log_level, quiet=True).run()


@click.command()
@log_level_option
@click.option("--parent", type=int, hidden=True, help="End with this process.")
@click.pass_obj
def watch(config: Path, log_level: str, parent: int | None) -> None:
    """Take in what arrives within seconds: mail, files of folders, and of buckets with `events`.
    Without it, beat looks on schedule."""
    from entrypoints.worker.watch import watch as watch_all

    set_up_log(config, log_level)
    watch_all(config, parent)


@click.command()
@click.option("--serve", is_flag=True, help="Answer at metrics.port instead, until TERM.")
@log_level_option
@click.pass_obj
def metrics(config: Path, serve: bool, log_level: str) -> None:
    """What Prometheus reads, once; `waybill web` serves it where `metrics.port` says."""
    from prometheus_client import generate_latest

    from entrypoints.config.settings import read_settings
    from entrypoints.metrics.server import registry_of, serve_metrics

    set_up_log(config, log_level)
    settings, runtime = read_settings(config), open_runtime(config)
    if not serve:
        click.echo(generate_latest(registry_of(settings, runtime)).decode(), nl=False)
        return
    # Before another thread begins: only then do all of them leave these signals alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    if serve_metrics(settings, runtime) is None:
        raise ConfigError("metrics.port is not set", hint="set it in config.yaml")
    signal.sigwait(_ENDING)


@click.command()
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The folder whose files may be checked (default: here).",
)
@click.pass_obj
def mcp(config: Path, files: Path) -> None:
    """Tools for an assistant, over stdin and stdout (Model Context Protocol). They only read.

    The key in WAYBILL_KEY says for which feeds, and whether values that are not public are shown.
    """
    from entrypoints.extras import needs

    needs("mcp", "mcp")
    from entrypoints.mcp.server import serve

    token = os.environ.get("WAYBILL_KEY")
    if not token:
        raise click.UsageError("set WAYBILL_KEY to a key that `waybill keys create` has printed")
    set_up_log(config, "warning")
    serve(config, token, files)


@contextmanager
def _beside(config: Path, log_level: str) -> Iterator[Supervisor]:
    """`waybill beat` and `waybill watch` beside this process, as long as it works."""
    from celery.signals import worker_shutting_down

    from entrypoints.worker.supervisor import Patience, Supervisor

    options = ("--log-level", log_level, "--parent", str(os.getpid()))
    names = ("beat", "watch")
    beside = Supervisor({name: own_command(config, name, *options) for name in names}, Patience())
    worker_shutting_down.connect(beside.begin_end, weak=False)
    beside.begin()
    try:
        yield beside
    finally:
        beside.end()


def _worker(config: Path, concurrency: int | None, queues: str | None, log_level: str) -> bool:
    """Work until told to end; False if the worker broke down instead."""
    from celery.signals import worker_init, worker_shutting_down

    from entrypoints.worker.app import make_app

    set_up_log(config, log_level)
    _warn_of_root()
    arguments = ["worker", "--loglevel", log_level, "--without-gossip", "--without-mingle"]
    if concurrency is not None:
        arguments += ["--concurrency", str(concurrency)]
    if queues is not None:
        arguments += ["--queues", queues]
    begun: list[Any] = []

    def remember(sender: Any, **_: object) -> None:
        begun.append(sender)

    told: list[object] = []

    def told_to_end(**_: object) -> None:
        told.append(True)

    worker_init.connect(remember, weak=False)
    worker_shutting_down.connect(told_to_end, weak=False)
    # Its types say that it never comes back; it does, in silence, also from a breakdown.
    work: Callable[[list[str]], object] = make_app(config).worker_main
    work(arguments)
    # After Ctrl-C Celery's exit status is 1, as after a breakdown.
    return bool(told) or not any(each.exitcode for each in begun)


def _warn_of_root() -> None:
    """Say of root what our users can do, instead of Celery, which names an option of its own."""
    warnings.filterwarnings("ignore", "You're running the worker with superuser", Warning)
    if os.geteuid() == 0:
        log.warning(
            "this worker runs as root, and so do the commands and transforms of feeds: let a user"
            " of its own run it (`User=` in systemd's unit; the image has one)"
        )


def _begin_again() -> None:
    """Become a fresh process of the same command and number, a little later.

    A connection that is lost at a bad moment brings Celery's worker down (kombu closes a channel of
    a connection that has none): it must not stay down until somebody looks.
    """
    # Celery's own answers to signals would have nobody to tell any more.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    log.error("the worker broke down; it begins again in %d s", _PAUSE_SECONDS)
    time.sleep(_PAUSE_SECONDS)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- our own command, no shell
