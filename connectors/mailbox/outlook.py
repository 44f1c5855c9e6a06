"""Outlook's own containers, winmail.dat (TNEF) and .msg, read in a process of their own.

Their readers take a hostile file for a good one and may read it for ever, so that they get a
bounded time and memory. The process reads the container from its input and writes a line of JSON,
the names and sizes, and then the bytes.
"""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

from connectors.mailbox.letter import safe_name
from schemas.errors import DataError, RetryableError

_SECONDS, _MEMORY_BYTES = 30, 1024 * 1024 * 1024


def outlook_files(form: str, data: bytes) -> list[tuple[str, bytes]]:
    """The names and bytes of the files in a container of the form `tnef` or `msg`.

    Raises DataError for one that is damaged, or is not read within half a minute.
    """
    command = [sys.executable, "-P", "-m", __name__, form]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=data, capture_output=True, timeout=2 * _SECONDS, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if isinstance(error, subprocess.CalledProcessError) and error.returncode == -signal.SIGKILL:
            raise RetryableError("the machine has ended the reading of an attachment") from error
        raise DataError("the files in the attachment cannot be read: it is damaged") from error
    stream = io.BytesIO(done.stdout)
    listed = json.loads(stream.readline())
    return [(name, stream.read(size)) for name, size in listed]


def _read(form: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if form == "tnef":
        from tnefparse import TNEF

        for each in TNEF(data, do_checksum=False).attachments:
            yield safe_name(str(each.long_filename() or "")), bytes(each.data)
    else:
        from oxmsg import Message

        for found in Message.load(io.BytesIO(data)).attachments:
            yield safe_name(found.file_name or ""), found.file_bytes or b""


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    files = [(name, data) for name, data in _read(sys.argv[1], sys.stdin.buffer.read()) if name]
    listed = json.dumps([(name, len(data)) for name, data in files])
    sys.stdout.buffer.write(listed.encode() + b"\n" + b"".join(data for _, data in files))


if __name__ == "__main__":
    _main()
