"""Supervisor: the commands that run beside a worker are started again when they end unasked."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_END_SECONDS = 5.0
"""Beat may hang on a broker that is away; Docker kills all of us after ten."""
_TOLD_SECONDS = 0.5
"""An end of all (Ctrl-C, systemd's TERM to the whole group) may reach the others before us."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How often, and how soon, a command is started again. The pause doubles while the command ends
    within `soon` seconds; after `most` such ends in a row it is given up."""

    first: float = 1.0
    longest: float = 60.0
    soon: float = 60.0
    most: int = 8

    def pause(self, in_a_row: int) -> float:
        """How long to wait after that many ends in a row."""
        return float(min(self.longest, self.first * 2 ** (in_a_row - 1)))


@dataclass(slots=True)
class _Command:
    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    in_a_row: int = 0
    due: float | None = field(default=None)
    """When it is started again; None while it runs."""


class Supervisor:
    """Starts commands, starts each again that ends unasked, and ends them all.

    A thread of its own looks after them, whatever the main thread waits for. A command that is
    given up ends this process: by TERM, as if it had been told to, so that work in hand is finished
    first; `gave_up` says which one it was.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], patience: Patience) -> None:
        self._commands = [_Command(name, arguments) for name, arguments in commands.items()]
        self._patience = patience
        # A plain flag: it is set by a signal's handler, which must not wait for a lock.
        self._ending = False
        self.gave_up: str | None = None
        self._thread = threading.Thread(target=self._look_after, name="supervisor", daemon=True)
        # A child of the worker that is forked while a command is being started would keep open the
        # pipe on which we wait until it has started.
        self._starting = threading.Lock()
        os.register_at_fork(
            before=self._starting.acquire,
            after_in_parent=self._starting.release,
            after_in_child=self._starting.release,
        )

    def begin(self) -> None:
        """Start all commands, and look after them from now on."""
        for each in self._commands:
            self._start(each)
        self._thread.start()

    def begin_end(self, **_: object) -> None:
        """Start nothing again from now on, and end the commands; does not wait."""
        self._ending = True

    def end(self) -> None:
        """End all commands, and wait until they are gone."""
        self._ending = True
        if self._thread.is_alive():
            self._thread.join()

    def _look_after(self) -> None:
        while not self._ending:
            for each in self._commands:
                self._look_at(each)
            time.sleep(_LOOK_SECONDS)
        self._end_all()

    def _look_at(self, command: _Command) -> None:
        now = time.monotonic()
        if command.due is not None:
            if now >= command.due:
                self._start(command)
        elif command.process is None or command.process.poll() is not None:
            time.sleep(_TOLD_SECONDS)
            if not self._ending:
                self._ended(command, now)

    def _ended(self, command: _Command, now: float) -> None:
        patience = self._patience
        command.in_a_row = command.in_a_row + 1 if now - command.started < patience.soon else 1
        how = "could not be started"
        if command.process is not None:
            how = f"ended unasked, {_status(command.process.returncode)}"
        if command.in_a_row >= patience.most:
            log.critical(
                "%s %s, %d times in a row: all of us ends, so that what started us begins again;"
                " its own lines above say why", command.name, how, command.in_a_row,
            )  # fmt: skip
            self.gave_up = command.name
            self._ending = True
            os.kill(os.getpid(), signal.SIGTERM)
            return
        pause = patience.pause(command.in_a_row)
        log.error("%s %s; it begins again in %.0f s", command.name, how, pause)
        command.due = now + pause

    def _start(self, command: _Command) -> None:
        command.due, command.started, command.process = None, time.monotonic(), None
        try:
            with self._starting:
                # In a session of its own: Ctrl-C is for us, who end it.
                command.process = subprocess.Popen(  # noqa: S603 -- our own commands
                    command.arguments, start_new_session=True
                )
        except OSError as error:
            log.error("%s: %s", command.name, error)

    def _end_all(self) -> None:
        processes = [each.process for each in self._commands if each.process is not None]
        for process in processes:
            process.terminate()
        until = time.monotonic() + _END_SECONDS
        for process in processes:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _status(code: int) -> str:
    """`exit status 1`, or `killed by SIGKILL`."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
