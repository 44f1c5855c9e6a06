"""Containers of binary form, winmail.dat (TNEF), .msg and .p7m, read in a process of their own.

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

from connectors.mailbox.headers import safe_name
from schemas.errors import DataError, EncryptedError, RetryableError

_SECONDS, _MEMORY_BYTES = 30, 1024 * 1024 * 1024


def outlook_files(form: str, data: bytes) -> list[tuple[str, bytes]]:
    """The names and bytes of the files in a container of the form `tnef`, `msg` or `p7m`; of a
    signed one (`p7m`) it is one, without a name: what was signed.

    Raises EncryptedError for a sealed one, and DataError for one that is damaged, or is not read
    within half a minute.
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
    if listed is None:
        raise EncryptedError
    return [(name, stream.read(size)) for name, size in listed]


def _read(form: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if form == "tnef":
        from tnefparse import TNEF

        for each in TNEF(data, do_checksum=False).attachments:
            yield safe_name(str(each.long_filename() or "")), bytes(each.data)
    elif form == "p7m":
        yield "", _signed(data)
    else:
        from oxmsg import Message

        for found in Message.load(io.BytesIO(data)).attachments:
            yield safe_name(found.file_name or ""), found.file_bytes or b""


def _signed(data: bytes) -> bytes:
    """What was signed, of a message by RFC 8551 or of its text form; the signature itself is not
    looked at: who sent a mail is said by its DKIM."""
    from asn1crypto import cms, pem

    if pem.detect(data):
        _, _, data = pem.unarmor(data)
    found = cms.ContentInfo.load(data)
    kind = found["content_type"].native
    if kind in ("enveloped_data", "encrypted_data", "authenticated_enveloped_data"):
        raise EncryptedError
    if kind == "compressed_data":
        return bytes(found["content"].decompressed)
    inner = found["content"]["encap_content_info"]["content"]
    return bytes(inner.native)


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    form = sys.argv[1]
    try:
        found = _read(form, sys.stdin.buffer.read())
        files = [(name, data) for name, data in found if name or form == "p7m"]
    except EncryptedError:
        sys.stdout.buffer.write(b"null\n")
        return
    listed = json.dumps([(name, len(data)) for name, data in files])
    sys.stdout.buffer.write(listed.encode() + b"\n" + b"".join(data for _, data in files))


if __name__ == "__main__":
    _main()
