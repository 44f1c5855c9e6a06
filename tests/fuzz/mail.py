"""Mails and IMAP servers that were changed at random: nothing breaks, hangs, or gets lost.

python -m fuzz.mail --messages 100000 --dialogues 10000 --seed 7
"""

from __future__ import annotations

import argparse
import io
import random
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr

from connectors.mailbox import containers
from connectors.mailbox.body_text import what_it_says
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.headers import letter_of, read_headers
from connectors.mailbox.items import item_of, left_of, part_of
from connectors.mailbox.source import MailboxSource
from schemas.errors import DataError, WaybillError
from schemas.item import Item

CORPUS = Path(__file__).parents[1] / "data" / "mail"
_PIECES = (
    b"\r\n", b"\r\n\r\n", b"--b\r\n", b"--b--\r\n", b"=", b"==", b"\x00", b"\xff\xfe", b"=?x?B?",
    b"?=", b"filename*0*=", b"filename=\"", b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n", b"%zz", b"(",
    b")", b"\"", b"{5}\r\n", b"NIL", b"<" * 50, b"@" * 50, b"," * 50, b"; " * 50, b"\\" * 20,
)  # fmt: skip
_MESSAGE = (
    b"From: a@example.org\r\nMessage-ID: <1@x>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Subject: =?utf-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<table><tr><td>1</td></tr></table>\r\n"
    b"--b\r\nContent-Type: text/csv; name*0*=utf-8''a%C3%A4; name*1=.csv\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nYSxiCjEsMgo=\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"From: b@x\r\nContent-Type: text/csv; name=i.csv\r\n"
    b"\r\n1,2\r\n--b\r\nContent-Type: application/x-y\r\nContent-Transfer-Encoding: x-uuencode\r\n"
    b"Content-Disposition: attachment; filename=u.csv\r\n\r\nbegin 644 u\r\n#0V%T\r\n`\r\nend\r\n"
    b"--b--\r\n"
)
_SECONDS_A_MEGABYTE, _SECONDS = 20.0, 0.5


def seeds() -> list[bytes]:
    """Messages to begin with."""
    return [_MESSAGE, *(path.read_bytes()[:60_000] for path in sorted(CORPUS.glob("*.eml")))]


def changed(raw: bytes, dice: random.Random, most: int = 6) -> bytes:
    """The bytes with a few changes."""
    data = bytearray(raw)
    for _ in range(dice.randint(1, most)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0:
                data[at:at] = dice.choice(_PIECES)
            case 1:
                del data[at : at + dice.choice((1, 2, 10, 100, 1000))]
            case 2:
                data[at : at + 1] = bytes([dice.randrange(256)])
            case 3:
                end = at + dice.randrange(200)
                data[at:at] = data[at:end] * dice.choice((1, 2, 20))
            case 4:
                del data[at:]
            case _:
                lines = bytes(data).split(b"\r\n")
                here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
                lines[here], lines[there] = lines[there], lines[here]
                data = bytearray(b"\r\n".join(lines))
    return bytes(data)


def examine(raw: bytes) -> int:
    """How many entries a message makes; raises what must not be raised."""
    letter = letter_of(read_headers(raw[: 1024 * 1024]), "own@example.com")
    moment, entries = _moment(), 0
    if letter.passed_over:
        return 1
    try:
        adorned = True
        for found in containers.unfolded_files(io.BytesIO(raw)):
            item_of(letter, moment, part_of(found), {"folder": "x"})
            adorned = adorned and bool(found.adornment)
            entries += 1
        if adorned:
            why = what_it_says(containers.texts(io.BytesIO(raw)))
            left_of(letter, moment, why, letter.subject, {})
            entries += 1
    except DataError:
        entries += 1
    return entries


def messages(count: int, seed: int) -> Iterator[str]:
    """What is wrong with so many changed messages."""
    known = seeds()
    for number in range(count):
        dice = random.Random(f"{seed}.{number}")
        raw = changed(dice.choice(known), dice)
        try:
            entries, spent = _timed(raw)
            if spent > _most(raw):
                # A first import takes its time once; what is slow, always.
                entries, spent = _timed(raw)
        except Exception as error:
            yield f"message {seed}.{number}: {type(error).__name__}: {error}"
            continue
        if not entries:
            yield f"message {seed}.{number}: it leaves no entry"
        if spent > _most(raw):
            yield f"message {seed}.{number}: {len(raw)} bytes took {spent:.1f} s"


def _most(raw: bytes) -> float:
    """The CPU seconds that reading a message may take."""
    return _SECONDS + _SECONDS_A_MEGABYTE * len(raw) / 1e6


def _timed(raw: bytes) -> tuple[int, float]:
    """How many entries a message leaves, and the CPU seconds that it took."""
    begun = time.process_time()
    # Binary containers are read in a process of their own, one for each: not here.
    with patch.object(containers, "outlook_files", side_effect=DataError("damaged")):
        entries = examine(raw)
    return entries, time.process_time() - begun


def _moment() -> datetime:
    return datetime(2026, 11, 23, tzinfo=UTC)


_STRUCTURE = (
    b'(("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 3 1 NIL NIL NIL)'
    b'("TEXT" "CSV" ("NAME" "a.csv") NIL NIL "7BIT" 5 1 NIL NIL NIL) "MIXED"'
    b' ("BOUNDARY" "b") NIL NIL)'
)
_HEADER = (
    b"From: a@example.org\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
)


def _answer(command: bytes) -> bytes:
    """What an honest server says to a command, before its tagged line."""
    upper = command.upper()
    if upper.startswith(b"CAPABILITY"):
        return b"* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\n"
    if upper.startswith((b"SELECT", b"EXAMINE")):
        return b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n* FLAGS (\\Seen)\r\n"
    if upper.startswith(b"LIST"):
        return b'* LIST () "/" "INBOX"\r\n'
    if b"SEARCH" in upper:
        return b"* SEARCH 1 2\r\n"
    if b"FETCH" not in upper:
        return b""
    out = b""
    for uid in (1, 2):
        data = b'INTERNALDATE "23-Nov-2026 10:00:00 +0000" RFC822.SIZE 200'
        if b"BODYSTRUCTURE" in upper:
            data += b" BODYSTRUCTURE " + _STRUCTURE
        for section, start in re.findall(rb"BODY\.PEEK\[([^\]]*)\]<(\d+)\.\d+>", command):
            text = (
                _HEADER if section == b"HEADER" else b"Content-Type: text/csv; name=a.csv\r\n\r\n"
            )
            text = text[int(start) :]
            data += b" BODY[%s]<%s> {%d}\r\n%s" % (section, start, len(text), text)
        out += b"* %d FETCH (UID %d %s)\r\n" % (uid, uid, data)
    return out


@contextmanager
def odd_server(dice: random.Random) -> Iterator[int]:
    """The port of a server for one connection, some of whose answers are changed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"* OK ready\r\n")
                for line in lines:
                    tag, _, command = line.strip().partition(b" ")
                    said = (
                        _answer(command)
                        + tag
                        + dice.choice(
                            (b" OK x\r\n",) * 12
                            + (
                                b" NO no\r\n",
                                b" NO [SERVERBUG] try again in 5 seconds\r\n",
                                b" BAD x\r\n",
                            )
                        )
                    )
                    if dice.random() < 0.3:
                        said = changed(said, dice, 3)
                    connection.sendall(said)
                    if command.upper().startswith(b"LOGOUT") or dice.random() < 0.01:
                        return

        def quietly() -> None:
            try:
                serve()
            except OSError:
                return

        thread = threading.Thread(target=quietly, daemon=True)
        thread.start()
        yield server.getsockname()[1]


class _Honest(random.Random):
    """Dice that change no answer."""

    def random(self) -> float:
        """Never less than anything asks for."""
        return 0.99

    def choice(self, seq: Any) -> Any:
        """The first, which is the honest one."""
        return seq[0]


def _mailbox(port: int) -> MailboxSource:
    return MailboxSource(
        MailboxConfig(
            host="127.0.0.1", port=port, tls="none", user="u", password=SecretStr("p"),
            timeout=0.25,
        )
    )  # fmt: skip


def dialogues(count: int, seed: int) -> Iterator[str]:
    """What is wrong with so many dialogues with odd servers."""
    with odd_server(_Honest()) as port:
        items = [item for page in _mailbox(port).list("**", None) for item in page.items]
    assert items
    for number in range(count):
        dice = random.Random(f"{seed}.d.{number}")
        begun = time.process_time()
        try:
            with odd_server(dice) as port:
                _list(_mailbox(port))
            # Fewer of these: what breaks off is tried alone as well, until the server is silent.
            if number % 20 == 0:
                with odd_server(dice) as port:
                    _fetch_and_mark(_mailbox(port), items, number % 40 == 0)
        except Exception as error:
            yield f"dialogue {seed}.{number}: {type(error).__name__}: {error}"
        if time.process_time() - begun > 5:
            yield f"dialogue {seed}.{number}: it takes too long"


def _list(source: MailboxSource) -> None:
    with suppress(WaybillError):
        for page in source.list("**", None):
            assert page.cursor


def _fetch_and_mark(source: MailboxSource, items: Sequence[Item], marks: bool) -> None:
    """Every item must be told of once, whatever is said."""
    with TemporaryDirectory() as folder:
        done: Sequence[tuple[Item, object]] = (
            list(source.finish_many(items)) if marks
            else list(source.fetch_many(items, Path(folder)))
        )  # fmt: skip
        kept = [result for _, result in done if isinstance(result, Path)]
        assert sorted(kept) == sorted(Path(folder).iterdir())
    assert sorted(id(item) for item, _ in done) == sorted(map(id, items))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, count in (("messages", 100_000), ("dialogues", 10_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args(arguments)
    wrong = 0
    for found in (messages(given.messages, given.seed), dialogues(given.dialogues, given.seed)):
        for each in found:
            wrong += 1
            print(each, flush=True)  # noqa: T201
    print(f"{given.messages:,} messages, {given.dialogues:,} dialogues: {wrong:,} went wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
