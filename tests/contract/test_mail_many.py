"""Many mails at once: few commands, the same bytes, and each mail's trouble its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from connectors.mailbox.source import MailboxSource
from imap_quirks import Answer, Change, quirky
from mailbox_server import MailboxServer, matching
from schemas.errors import (
    AwayError,
    ConfigError,
    DataError,
    ItemChangedError,
    ItemDeniedError,
    WaybillError,
)
from schemas.item import Item


def letter(number: int, files: dict[str, bytes], *, forwarded: bool = False) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Partner <partner@example.org>", "us@example.com"
    message["Subject"], message["Message-ID"] = f"Report {number}", f"<{number}@example.org>"
    message.set_content("attached")
    for name, body in files.items():
        message.add_attachment(body, maintype="text", subtype="csv", filename=name)
    if forwarded:
        outer = EmailMessage()
        outer["From"], outer["Message-ID"] = "Partner <partner@example.org>", f"<{number}.f@x>"
        outer.set_content("forwarded")
        outer.add_attachment(message)
        message = outer
    return message.as_bytes(policy=SMTP)


def post(mail: MailboxServer, address: str, letters: Sequence[bytes]) -> None:
    with mail.connected(address) as client:
        for raw in letters:
            client.append("INBOX", raw)


def body(number: int) -> bytes:
    return b"id;name\r\n" + b"".join(b"%d;\xf1 %d\r\n" % (each, number) for each in range(number))


def listed(source: MailboxSource) -> list[Item]:
    return matching("*.csv", source)[0]


def fetched(
    source: MailboxSource, items: Sequence[Item], folder: Path
) -> list[tuple[str, bytes | WaybillError]]:
    """What came of each item, in the order of the items; the files are gone then."""
    folder.mkdir(exist_ok=True)
    found: dict[int, bytes | WaybillError] = {}
    for item, result in source.fetch_many(items, folder):
        (at,) = [number for number, each in enumerate(items) if each is item]
        assert at not in found
        if isinstance(result, Path):
            assert result.parent == folder
            found[at] = result.read_bytes()
            result.unlink()
        else:
            found[at] = result
    assert list(folder.iterdir()) == []
    assert sorted(found) == list(range(len(items)))
    return [(items[at].name, found[at]) for at in range(len(items))]


@contextmanager
def through(
    mail: MailboxServer,
    address: str,
    answer: Answer = lambda tag, command: None,
    change: Change = lambda line: line,
    **more: object,
) -> Iterator[tuple[MailboxSource, Counter[str]]]:
    """The mailbox behind a front that counts what is asked of it."""
    asked: Counter[str] = Counter()

    def counted(tag: bytes, command: bytes) -> bytes | None:
        words = command.decode("latin-1").upper().split()
        asked[" ".join(words[:2]) if words[0] == "UID" else words[0]] += 1
        return answer(tag, command)

    with quirky(mail.port, counted, change) as port:
        yield replace(mail, port=port).source(address, **more), asked


def test_many_mails_come_with_the_same_bytes_as_alone(
    server: MailboxServer, address: str, tmp_path: Path
) -> None:
    letters = [letter(number, {f"{number}.csv": body(number * 7)}) for number in range(1, 4)]
    letters += [letter(50, {"a.csv": body(40), "b.csv": body(2), "empty.csv": b""})]
    letters += [letter(51, {"f.csv": body(9)}, forwarded=True)]
    letters += [letter(52, {"large.csv": b"1234567\r\n" * 200_000})]
    post(server, address, letters)
    items = listed(server.source(address))
    assert {"1.csv", "a.csv", "b.csv", "empty.csv", "large.csv"} <= {item.name for item in items}
    alone = [(item.name, opened(server.source(address), item)) for item in items]
    with through(server, address) as (source, asked):
        assert fetched(source, items, tmp_path / "in") == alone
    assert asked["LOGIN"] == 1


def test_many_mails_come_with_few_commands(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path
) -> None:
    letters = [letter(number, {f"{number}.csv": body(number)}) for number in range(40)]
    letters += [letter(50, {"a.csv": body(40), "b.csv": body(2)})]
    post(dovecot_mailboxes, address, letters)
    items = listed(dovecot_mailboxes.source(address))
    with through(dovecot_mailboxes, address) as (source, asked):
        assert len(fetched(source, items, tmp_path / "in")) == 42
    # One for the headers, one for each section, and none for a mail alone.
    assert asked["UID FETCH"] == 3
    assert asked.total() <= 8


def test_a_mail_that_vanished_or_moved_is_told_of_alone(
    server: MailboxServer, address: str, tmp_path: Path
) -> None:
    post(server, address, [letter(number, {f"{number}.csv": body(number)}) for number in range(6)])
    source = server.source(address, move_to="Processed")
    items = listed(source)
    with server.connected(address) as client:
        client.create_folder("Processed")
        client.select_folder("INBOX")
        uids = client.search()
        client.copy([uids[2]], "Processed")
        client.delete_messages([uids[0], uids[2]])
        client.expunge()
    found = fetched(source, items, tmp_path / "in")
    assert isinstance(found[0][1], ItemChangedError)
    assert [each for _, each in found[1:]] == [body(number) for number in range(1, 6)]


def test_another_message_under_the_uid_is_never_taken_for_it(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path
) -> None:
    post(
        dovecot_mailboxes,
        address,
        [letter(number, {f"{number}.csv": body(number)}) for number in (1, 2)],
    )
    source = dovecot_mailboxes.source(address)
    first, second = listed(source)
    # As after a restore at a server that counts anew, which gives a UID to another message.
    swapped = [
        replace(first, detail={**first.detail, "uid": second.detail["uid"]}),
        replace(second, detail={**second.detail, "uid": first.detail["uid"]}),
        replace(second, detail={**second.detail, "uid": "7:1"}),
        replace(second, detail={**second.detail, "folder": "Nowhere"}),
        replace(first, group="0" * 24, detail={**first.detail, "message_id": "<other@x>"}),
    ]
    found = [result for _, result in fetched(source, swapped, tmp_path / "in")]
    assert found[:4] == [body(1), body(2), body(2), body(2)]
    assert isinstance(found[4], ItemChangedError)


def test_what_is_cut_short_or_too_large_is_told_of_alone(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path
) -> None:
    whole = [letter(number, {f"{number}.csv": body(90)}) for number in range(4)]
    whole[1] = whole[1][: len(whole[1]) // 2]
    whole[2] = letter(2, {"2.csv": body(4000)})
    post(dovecot_mailboxes, address, whole)
    source = dovecot_mailboxes.source(address, attachment_bytes=20_000)
    found = fetched(source, listed(source), tmp_path / "in")
    assert [type(each) for _, each in found] == [bytes, DataError, DataError, bytes]
    assert "cut short" in str(found[1][1])
    assert "larger" in str(found[2][1])


def test_a_message_that_breaks_the_answer_for_all_is_left_alone(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path
) -> None:
    """The server cuts the connection, or answers what is none, whenever one message is asked for
    with others; and refuses it alone."""
    post(
        dovecot_mailboxes,
        address,
        [letter(number, {f"{number}.csv": body(number)}) for number in range(5)],
    )
    items = listed(dovecot_mailboxes.source(address))
    bad = items[2].detail["uid"].partition(":")[2].encode()

    def refuse(tag: bytes, command: bytes) -> bytes | None:
        asked = re.match(rb"UID FETCH ([0-9,:]+) .*BODY", command)
        if asked is None or b"HEADER" in command:
            return None
        if asked[1] == bad:
            return tag + b" NO this one is broken\r\n"
        together = b":" in asked[1] or bad in asked[1].split(b",")
        return b"* 1 FETCH (BODY[ {zzz\r\n" + tag + b" BAD what\r\n" if together else None

    with through(dovecot_mailboxes, address, refuse) as (source, _):
        found = fetched(source, items, tmp_path / "in")
    assert [type(each) for _, each in found] == [bytes, bytes, ItemDeniedError, bytes, bytes]

    def cut(tag: bytes, command: bytes) -> bytes | None:
        asked = re.match(rb"UID FETCH ([0-9,:]+) .*BODY", command)
        if asked is None or b"HEADER" in command:
            return None
        hits = b":" in asked[1] or bad in asked[1].split(b",")
        return b"* BYE I give up\r\n" if hits else None

    with through(dovecot_mailboxes, address, cut) as (source, asked_for):
        found = fetched(source, items, tmp_path / "in")
    assert [type(each) for _, each in found] == [bytes, bytes, AwayError, bytes, bytes]
    assert asked_for["LOGIN"] <= 8


def test_a_mailbox_that_lets_nobody_in_is_asked_once(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path
) -> None:
    post(
        dovecot_mailboxes,
        address,
        [letter(number, {f"{number}.csv": body(number)}) for number in range(5)],
    )
    items = listed(dovecot_mailboxes.source(address))

    def refuse(tag: bytes, command: bytes) -> bytes | None:
        no = b" NO [UNAVAILABLE] the user database is away\r\n"
        return tag + no if command.upper().startswith(b"LOGIN") else None

    with through(dovecot_mailboxes, address, refuse) as (source, asked):
        found = [each for _, each in fetched(source, items, tmp_path / "in")]
        assert [type(each) for each in found] == [AwayError] * 5
        assert [type(each) for _, each in source.finish_many(items)] == [AwayError] * 5
    assert asked["LOGIN"] <= 6


def test_many_are_marked_and_moved_by_few_commands(server: MailboxServer, address: str) -> None:
    letters = [letter(number, {f"{number}.csv": body(1)}) for number in range(3)]
    letters += [letter(30, {"a.csv": b"1", "b.csv": b"2"})]
    post(server, address, letters)
    with server.connected(address) as client:
        client.create_folder("Processed")
    with through(server, address, move_to="Processed") as (source, asked):
        items = listed(source)
        asked.clear()
        for again in range(2):
            done = list(source.finish_many(items[again:]))
            assert [error for _, error in done] == [None] * (len(items) - again)
            assert {id(item) for item, _ in done} == {id(item) for item in items[again:]}
            if not again:
                assert asked["LOGIN"] == asked["UID STORE"] == asked["UID MOVE"] == 1
    assert server.flags(address, "INBOX") == []
    flags = server.flags(address, "Processed")
    assert len(flags) == 4
    assert all(b"\\Seen" in each for each in flags)


def test_a_folder_that_is_missing_is_told_of_every_mail(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    post(
        dovecot_mailboxes, address, [letter(number, {f"{number}.csv": b"1"}) for number in range(3)]
    )
    source = dovecot_mailboxes.source(address, move_to="Missing")
    items = listed(dovecot_mailboxes.source(address))
    assert [type(error) for _, error in source.finish_many(items)] == [ConfigError] * 3


@pytest.mark.parametrize("told", [b"7", b"700000"])
def test_sizes_that_a_server_gets_wrong_change_no_byte(
    dovecot_mailboxes: MailboxServer, address: str, tmp_path: Path, told: bytes
) -> None:
    """A structure that tells of too few bytes, or of too many, of every part."""
    post(
        dovecot_mailboxes,
        address,
        [letter(number, {f"{number}.csv": body(60)}) for number in range(4)],
    )

    def wrong(line: bytes) -> bytes:
        if b"BODYSTRUCTURE" not in line:
            return line
        return re.sub(rb'("base64"|"8bit") \d+', rb"\1 " + told, line)

    with through(dovecot_mailboxes, address, change=wrong) as (source, _):
        items = listed(source)
        together = fetched(source, items, tmp_path / "in")
        alone = [opened(source, item) for item in items]
    assert [str(each) for _, each in together] == [str(each) for each in alone]


def opened(source: MailboxSource, item: Item) -> bytes | DataError:
    try:
        with source.open(item) as stream:
            return stream.read()
    except DataError as error:
        return error
