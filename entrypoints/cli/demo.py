"""The demo: real servers, real worker and beat, sample files on their whole way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.options import open_runtime
from entrypoints.extras import needs
from entrypoints.own_command import own_command

if TYPE_CHECKING:
    from rich.progress import Progress

    from entrypoints.demo.correction import Corrected
    from pipelines.runtime import Runtime
    from schemas.file import File

_PATIENCE = 900.0


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/demo"),
    show_default=True,
    help="Where the demo keeps everything; emptied first.",
)
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
@click.option(
    "--strict",
    is_flag=True,
    help="Let Google's own SQL analyzer look at every statement (a checkout's tests bring it).",
)
def demo(folder: Path, keep: bool, strict: bool) -> None:
    """Watch the whole way on this machine: a bucket, a mailbox, a broker and BigQuery's emulator
    start on free ports, samples arrive, a real worker and beat take them to their tables."""
    needs("demo", "demo", "web")
    from entrypoints.cli.demo_report import (
        demo_key,
        next_commands,
        next_requests,
        print_correction,
        print_report,
    )
    from entrypoints.cli.screen import console
    from entrypoints.demo.console import let_in
    from entrypoints.demo.process import free_ports
    from entrypoints.demo.servers import start_all
    from entrypoints.demo.setting import (
        MAILBOX,
        copy_project,
        drop_samples,
        mail_samples,
        write_config,
    )

    folder = _empty(folder)
    out = console()
    with _bar() as bar:
        task = bar.add_task("starting Redis, S3, mail and BigQuery", total=None)
        with ended_by_term(), start_all(folder / "servers", strict=strict) as stack:
            [port] = free_ports(1)
            url = f"http://127.0.0.1:{port}"
            config = write_config(folder, stack, copy_project(folder), web_port=port)
            runtime = open_runtime(config)
            bar.update(task, description="creating ledger and tables")
            runtime.ledger.migrate()
            runtime.warehouse.apply(runtime.tables(), runtime.views)
            login = let_in(config)
            bar.update(task, description="dropping files, mailing reports")
            expected = drop_samples(stack.s3) + mail_samples(stack.mail)
            started = time.monotonic()
            with (
                _process(config, "up", folder / "service.log") as service,
                _process(config, "web", folder / "web.log") as web,
            ):
                bar.update(task, description="worker and beat are starting", total=expected)
                files = _watch(runtime, bar, task, expected, service)
                seconds = time.monotonic() - started
                bar.update(task, description="one more is sent with curl, and corrected")
                key = demo_key(runtime)
                corrected = _corrected(url, key, folder, service, web)
                bar.stop()
                print_report(out, runtime, files, stack.mail, seconds)
                print_correction(out, corrected)
                out.rule("[bold]Try next", align="left")
                out.print(next_commands(config, files), soft_wrap=True)
                out.rule("[bold]Ask by HTTP, while it runs (--keep)", align="left")
                out.print(next_requests(url, key), soft_wrap=True, markup=False)
                out.rule("[bold]The console, while it runs (--keep)", align="left")
                out.print(f"{url}\nname {login.name}, password {login.password}", markup=False)
                if keep:
                    _wait(f"everything runs; bucket {stack.s3.url}, mail to {MAILBOX}")
    click.echo("everything is stopped; what it left lies in " + str(folder))


@contextmanager
def ended_by_term() -> Iterator[None]:
    """Within the block TERM ends us as Ctrl-C does, so that what was started is ended, too."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _empty(folder: Path) -> Path:
    """The demo's folder, emptied; refuses a folder that is not a demo's."""
    from connectors.private_files import keep_private, private_folder

    folder = folder.resolve()
    marker = folder / ".waybill-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise click.BadParameter(f"{folder} holds other things; name another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    keep_private()
    private_folder(folder)
    (folder / "servers").mkdir()
    marker.touch()
    return folder


@contextmanager
def _bar() -> Iterator[Progress]:
    from entrypoints.cli.screen import progress

    with progress() as bar:
        yield bar


@contextmanager
def _process(config: Path, name: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real command (`waybill up`, `waybill web`) as a process of its own; ended with TERM."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            own_command(config, name),
            stdout=sink,
            stderr=sink,
            env=os.environ,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _watch(
    runtime: Runtime, bar: Progress, task: object, expected: int, service: subprocess.Popen[bytes]
) -> list[File]:
    """Wait until every sample is done, showing how far they are; returns them.

    Raises ClickException when the service ends or the files take longer than they ever should.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        files = list(runtime.ledger.files.latest(limit=1000))
        ended = sum(1 for file in files if file.status in ("done", "failed"))
        under_way = next((f for f in files if f.status not in ("done", "failed")), None)
        what = f"{under_way.status} {under_way.item.name}"[:40] if under_way else None
        bar.update(task, completed=ended, **({"description": what} if what else {}))  # type: ignore[arg-type]
        if ended >= expected:
            return files
        if service.poll() is not None:
            raise click.ClickException("the service ended; see service.log in the demo's folder")
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"only {ended} of {expected} files are done after {_PATIENCE / 60:.0f} minutes,"
                f" and this one is not: {what or 'none has come'};"
                " see service.log in the demo's folder"
            )
        time.sleep(0.25)


def _corrected(
    url: str, key: str, folder: Path, *processes: subprocess.Popen[bytes]
) -> Corrected | None:
    """Send one more file and correct it. Raises RetryableError, which names the logs, when it takes
    too long or a process ends meanwhile."""
    from entrypoints.demo.correction import send_and_correct
    from schemas.errors import RetryableError

    def check() -> None:
        if any(each.poll() is not None for each in processes):
            raise RetryableError("a process of the demo ended")

    try:
        return send_and_correct(url, key, check)
    except RetryableError as error:
        hint = f"see service.log and web.log in {folder}"
        raise RetryableError(error.message, hint=hint) from error


def _wait(text: str) -> None:
    click.echo(f"{text}\nCtrl-C stops it")
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo()
