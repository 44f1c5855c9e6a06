"""A server as a child process: free ports, start, wait until it answers, stop."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from entrypoints.extras import install
from schemas.errors import ConfigError, RetryableError

HOST = "127.0.0.1"
_START_SECONDS, _STOP_SECONDS = 60.0, 10.0
_PR_SET_PDEATHSIG = 1
# Loaded here, not in the forked child, where another thread's loader lock could block for ever.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def bypass_proxies() -> None:
    """Let this process and its children call loopback directly, whatever proxy is configured."""
    for name in ("NO_PROXY", "no_proxy"):
        listed = [each for each in os.environ.get(name, "").split(",") if each]
        os.environ[name] = ",".join(dict.fromkeys([*listed, HOST, "localhost"]))


def free_ports(count: int) -> list[int]:
    """As many different ports of loopback that nobody listens on."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def free_port_pairs(count: int, distance: int) -> list[int]:
    """Ports whose partners, `distance` further, are free as well.

    Both lie below 32768, where the kernel takes no ports for outgoing connections. Raises
    RetryableError when there are none.
    """
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(500):
            port = 10_000 + secrets.randbelow(22_000 - distance)
            with ExitStack() as pair, suppress(OSError):
                for each in (port, port + distance):
                    pair.enter_context(socket.socket()).bind((HOST, each))
                held.enter_context(pair.pop_all())
                found.append(port)
            if len(found) == count:
                return found
    raise RetryableError(f"no {count} free ports were found on {HOST}")


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    folder: Path,
    answers: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Run a server in `folder` until the block ends; its output goes to `folder/<name>.log`.

    It has its own session, so that Ctrl-C reaches only us and we stop it in order; on Linux it is
    killed when the thread that started it ends. `user` is the uid and gid it runs under. Raises
    RetryableError if it ends or never answers.
    """
    log = made(folder) / f"{name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        _await(name, process, answers, log)
        yield
    finally:
        _stop(process, stop)


def _await(
    name: str, process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise RetryableError(
                f"{name} ended with status {process.returncode}: {last}", hint=f"see {log}"
            )
        with suppress(OSError, HTTPException):
            if answers():
                return
        time.sleep(0.05)
    raise RetryableError(f"{name} did not answer within {_START_SECONDS:.0f} s", hint=f"see {log}")


def _stop(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_STOP_SECONDS)
    # The group also holds whatever the server started itself.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def package(name: str) -> Path:
    """The folder of an installed package; raises ConfigError when it is not there."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the package {name} is not installed", hint=install("demo"))
    return Path(next(iter(spec.submodule_search_locations)))


def script(name: str, distribution: str) -> str:
    """The path of a command that a package put beside Python; raises ConfigError without it."""
    path = Path(sys.executable).with_name(name)
    if not path.is_file():
        raise ConfigError(f"the package {distribution} is not installed", hint=install("demo"))
    return str(path)


def made(folder: Path) -> Path:
    """The folder, made if need be, as an absolute path."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
