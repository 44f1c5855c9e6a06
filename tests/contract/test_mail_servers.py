"""Servers whose answers are not whole: what they leave out is asked for again, and told of."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from connectors.mailbox.places import read_places
from connectors.mailbox.source import MailboxSource
from imap_quirks import quirky
from mailbox_server import MailboxServer, matching
from schemas.errors import (
    AccessDeniedError,
    AwayError,
    ConfigError,
    ItemDeniedError,
    RetryableError,
    ThrottledError,
)
from schemas.item import Item, Left


def mail(number: int, body: str = "a,b", more: str = "") -> bytes:
    return (
        f"From: partner@example.org\r\nMessage-ID: <{number}@example.org>\r\nSubject: {number}\r\n"
        f"{more}Content-Type: text/csv; name=r{number}.csv\r\n\r\n{body}\r\n"
    ).encode()


def read(source: MailboxSource, item: Item) -> bytes:
    with source.open(item) as stream:
        return stream.read().strip()


def names(source: MailboxSource, cursor: str | None = None) -> tuple[list[str], list[Left], str]:
    found: list[str] = []
    left: list[Left] = []
    for page in source.list("*.csv", cursor):
        found += [item.name for item in page.items]
        left += page.left
        cursor = page.cursor or cursor
    return found, left, cursor or ""


@pytest.fixture
def three(dovecot_mailboxes: MailboxServer, address: str) -> MailboxServer:
    for number in (1, 2, 3):
        dovecot_mailboxes.append(address, mail(number))
    return dovecot_mailboxes


def test_a_message_that_fetch_leaves_out_is_asked_for_by_itself(
    three: MailboxServer, address: str
) -> None:
    seen: list[bytes] = []

    def change(line: bytes) -> bytes:
        # The second message is missing the first time that several are told of.
        if b" FETCH (" in line and b"UID 2 " in line and not seen:
            seen.append(line)
            return b""
        return line

    with quirky(three.port, change=change) as port:
        assert sorted(names(replace(three, port=port).source(address))[0]) == [
            "r1.csv", "r2.csv", "r3.csv",
        ]  # fmt: skip
    assert seen


def test_a_message_that_is_never_told_of_is_noted_and_read_once_it_can_be(
    three: MailboxServer, address: str
) -> None:
    def change(line: bytes) -> bytes:
        return b"" if b" FETCH (" in line and b"UID 2 " in line else line

    with quirky(three.port, change=change) as port:
        found, left, cursor = names(replace(three, port=port).source(address))
        assert found == ["r1.csv", "r3.csv"]
        assert [(each.item.name, each.why) for each in left] == [("INBOX, UID 2", "UNREADABLE")]
        assert names(replace(three, port=port).source(address), cursor)[0] == []
    source = three.source(address)
    pages = list(source.list("*.csv", cursor))
    assert [item.name for page in pages for item in page.items] == ["r2.csv"]
    assert [item.key for page in pages for item in page.readable] == [left[0].item.key]
    assert list(source.list("*.csv", pages[-1].cursor)) == []


def test_a_no_for_one_message_blocks_no_mailbox(three: MailboxServer, address: str) -> None:
    def answer(tag: bytes, command: bytes) -> bytes | None:
        found = re.match(rb"UID FETCH ([0-9,:]+) ", command)
        if found and b"2" in re.split(rb"[,:]", found[1].replace(b"1:3", b"1,2,3")):
            return tag + b" NO [SERVERBUG] internal error\r\n"
        return None

    with quirky(three.port, answer) as port:
        source = replace(three, port=port).source(address)
        found, left, _ = names(source)
        assert found == ["r1.csv", "r3.csv"]
        assert [each.item.name for each in left] == ["INBOX, UID 2"]
    ([item], _) = matching("r2.csv", three.source(address))
    with quirky(three.port, answer) as port, pytest.raises(RetryableError):
        read(replace(three, port=port).source(address), item)


def test_a_part_that_is_refused_is_denied_by_itself(three: MailboxServer, address: str) -> None:
    ([item], _) = matching("r2.csv", three.source(address))

    def answer(tag: bytes, command: bytes) -> bytes | None:
        return tag + b" NO no\r\n" if b"BODY.PEEK[1]" in command else None

    with quirky(three.port, answer) as port, pytest.raises(ItemDeniedError):
        read(replace(three, port=port).source(address), item)


def test_a_server_that_says_how_long_to_wait_is_left_alone_so_long(
    three: MailboxServer, address: str
) -> None:
    said = b" NO Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n"

    def answer(tag: bytes, command: bytes) -> bytes | None:
        return tag + said if command.startswith(b"UID FETCH") else None

    with quirky(three.port, answer) as port, pytest.raises(ThrottledError) as caught:
        names(replace(three, port=port).source(address))
    assert caught.value.wait == pytest.approx(299.961)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("NO [AUTHENTICATIONFAILED] Invalid credentials", AccessDeniedError),
        ("NO [EXPIRED] password", AccessDeniedError),
        ("NO [AUTHENTICATIONFAILED] Temporary authentication failure", AwayError),
        ("NO [UNAVAILABLE] Temporary authentication failure", AwayError),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits", ThrottledError),
        ("NO LOGIN failed", AwayError),
        ("NO Server unavailable. 15", AwayError),
        ("NO [ALERT] Too many simultaneous connections", ThrottledError),
        ("BAD User is authenticated but not connected", AwayError),
    ],
)
def test_only_a_final_refusal_of_the_login_stops_a_feed(
    three: MailboxServer, address: str, said: str, kind: type[Exception]
) -> None:
    def answer(tag: bytes, command: bytes) -> bytes | None:
        login = command.upper().startswith((b"LOGIN", b"AUTHENTICATE"))
        return tag + b" " + said.encode() + b"\r\n" if login else None

    with quirky(three.port, answer) as port, pytest.raises(kind) as caught:
        replace(three, port=port).source(address).check()
    assert type(caught.value) is kind


def test_uids_that_begin_anew_under_the_same_uidvalidity(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    """A mailbox is restored: the same folder, the same number, other messages."""
    for number in (1, 2, 3):
        dovecot_mailboxes.append(address, mail(number))
    _, _, cursor = names(dovecot_mailboxes.source(address))
    (place,) = read_places(cursor).values()
    other = f"second-{address}"
    for number in (4, 5, 6, 7):
        dovecot_mailboxes.append(other, mail(number))

    def change(line: bytes) -> bytes:
        return re.sub(rb"\[UIDVALIDITY \d+\]", b"[UIDVALIDITY %d]" % place.validity, line)

    with quirky(dovecot_mailboxes.port, change=change) as port:
        found, _, later = names(replace(dovecot_mailboxes, port=port).source(other), cursor)
        assert found == ["r4.csv", "r5.csv", "r6.csv", "r7.csv"]
        assert names(replace(dovecot_mailboxes, port=port).source(other), later)[0] == []
    fewer = f"third-{address}"
    dovecot_mailboxes.append(fewer, mail(8))
    with quirky(dovecot_mailboxes.port, change=change) as port:
        assert names(replace(dovecot_mailboxes, port=port).source(fewer), cursor)[0] == ["r8.csv"]


def test_a_uid_that_another_message_has_now_gives_nothing_of_it(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    dovecot_mailboxes.append(address, mail(1, "mine"))
    ([item], _) = matching("**", dovecot_mailboxes.source(address))
    other = f"second-{address}"
    dovecot_mailboxes.append(other, mail(9, "another's"))
    dovecot_mailboxes.append(other, mail(1, "mine"))

    def change(line: bytes) -> bytes:
        validity = item.detail["uid"].partition(":")[0].encode()
        return re.sub(rb"\[UIDVALIDITY \d+\]", b"[UIDVALIDITY %s]" % validity, line)

    with quirky(dovecot_mailboxes.port, change=change) as port:
        assert read(replace(dovecot_mailboxes, port=port).source(other), item) == b"mine"


def test_a_server_without_uidvalidity_or_with_an_empty_list(
    three: MailboxServer, address: str
) -> None:
    def change(line: bytes) -> bytes:
        is_left_out = b"[UIDVALIDITY" in line or line.startswith(b"* LIST")
        return b"" if is_left_out else line

    with quirky(three.port, change=change) as port:
        source = replace(three, port=port).source(address)
        found, _, cursor = names(source)
        assert found == ["r1.csv", "r2.csv", "r3.csv"]
        ([item], _) = matching("r2.csv", source)
        assert read(source, item) == b"a,b"
        assert names(source, cursor)[0] == []
        globbed = replace(three, port=port).source(address, folders=["INB*"])
        three.append(address, mail(4))
        assert names(globbed, cursor)[0] == ["r4.csv"]


@pytest.mark.parametrize("search", [["NONSENSE"], ["SUBJECT", "ä", "FOO"], ["KEYWORD"]])
def test_a_search_that_the_server_does_not_know_is_a_mistake_of_ours(
    three: MailboxServer, address: str, search: list[str]
) -> None:
    source = three.source(address, search=search)
    for act in (source.check, lambda: names(source)):
        with pytest.raises(ConfigError, match="search") as caught:
            act()
        assert "search" in str(caught.value.hint)


def test_a_search_with_letters_beyond_ascii(three: MailboxServer, address: str) -> None:
    three.append(address, mail(4, more="Subject: =?utf-8?Q?B=C3=A4r?=\r\n").replace(
        b"Subject: 4\r\n", b""))  # fmt: skip
    assert names(three.source(address, search=["SUBJECT", "bär"]))[0] == ["r4.csv"]


def test_a_folder_to_move_to_that_is_missing_is_said_beforehand(
    three: MailboxServer, address: str
) -> None:
    source = three.source(address, move_to="Nowhere")
    with pytest.raises(ConfigError, match="no folder Nowhere"):
        source.check()


def test_a_message_that_was_filed_elsewhere_is_found_by_its_headers(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    anonymous = mail(2, "second").replace(b"Message-ID: <2@example.org>\r\n", b"")
    dovecot_mailboxes.append(address, mail(1, "first"))
    dovecot_mailboxes.append(address, anonymous)
    source = dovecot_mailboxes.source(address, folders=["INBOX", "Reports*"], move_to="Done")
    items, cursor = matching("**", source)
    with dovecot_mailboxes.connected(address) as client:
        for folder in ("Reports", "Done"):
            client.create_folder(folder)
        client.select_folder("INBOX")
        client.move(client.search(), "Reports")
    assert [read(source, item) for item in items] == [b"first", b"second"]
    again, _ = matching("**", source, cursor)
    assert {(each.key, each.version) for each in again} == {
        (each.key, each.version) for each in items
    }
    source.finish(items[0])
    assert len(dovecot_mailboxes.flags(address, "Done")) == 1


def test_mails_without_message_id_are_told_apart(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    raw = mail(1).replace(b"Message-ID: <1@example.org>\r\n", b"")
    for body in (b"1,2", b"3,4"):
        dovecot_mailboxes.append(address, raw.replace(b"a,b", body))
    source = dovecot_mailboxes.source(address)
    items, _ = matching("**", source)
    assert len({(each.key, each.version) for each in items}) == 2
    assert [read(source, item) for item in items] == [b"1,2", b"3,4"]
