"""A twin: a real server behind a proxy, that can be killed and started again over its data."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from chaos.proxy import Proxy


class Twin:
    """A server of which only the proxy's address is known outside.

    `start` is a context manager that runs the server over a folder and yields its endpoint;
    `port_of` takes the server's port from that.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        start: Callable[[Path], AbstractContextManager[Any]],
        port_of: Callable[[Any], int],
        proxy: Proxy,
    ) -> None:
        self.name, self.folder, self.proxy = name, folder, proxy
        self._start, self._port_of = start, port_of
        self._running = ExitStack()
        self.endpoint: Any = None

    def start(self) -> None:
        """Start the server and let its connections through."""
        self.endpoint = self._running.enter_context(self._start(self.folder))
        self.proxy.target = self._port_of(self.endpoint)

    def kill(self, *, lose_data: bool = False) -> None:
        """End the server and everything it started as kill -9 does."""
        self.proxy.target = None
        for pid in _working_in(self.folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._running.close()
        self._running = ExitStack()
        self.proxy.cut()
        if lose_data:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop it in good order."""
        self.proxy.target = None
        self._running.close()


def _working_in(folder: Path) -> list[int]:
    """The processes whose working directory is the folder or below: a server's own."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if each.readlink().is_relative_to(folder.resolve()):
                found.append(int(each.parent.name))
        except OSError:
            continue
    return found
