"""Folders of a mailbox: many of them, very full ones, and servers that cannot move messages."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from functools import partial
from itertools import islice

from altering_front import altering_front
from dovecot import Dovecot
from mailbox_server import MailboxServer, answer, matching

MAIL = b"From: a@example.org\r\nMessage-ID: <%d@x>\r\nContent-Type: text/csv; name=%d.csv\r\n\r\n%d"
MANY = 20_000


def mail(number: int) -> bytes:
    return MAIL % (number, number, number)


listed = partial(matching, "*.csv")


def test_folders_that_match_a_glob_are_read_each_from_where_it_was_left(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    names = ["Reports", "Reports.Acorn", "Reports.Ünder", "Reports.Acorn.Old", "Reports.Done"]
    with dovecot_mailboxes.connected(address) as client:
        delimiter = client.list_folders()[0][1].decode()
        names = [name.replace(".", delimiter) for name in names]
        for name in names:
            client.create_folder(name)
    for number, name in enumerate([*names, "INBOX"]):
        dovecot_mailboxes.append(address, mail(number), name)
    folders = ["INBOX", "Reports/*"]
    source = dovecot_mailboxes.source(address, folders=folders, move_to=names[-1])
    items, cursor = listed(source)
    assert [item.detail["folder"] for item in items] == ["INBOX", names[1], names[2]]
    assert len(list(islice(source.watches(threading.Event()), 3))) == 3
    with dovecot_mailboxes.connected(address) as client:
        client.create_folder(f"Reports{delimiter}New")
    dovecot_mailboxes.append(address, mail(10), f"Reports{delimiter}New")
    dovecot_mailboxes.append(address, mail(11), names[2])
    later, last = listed(source, cursor)
    assert sorted(item.name for item in later) == ["10.csv", "11.csv"]
    assert listed(source, last)[0] == []
    deep = dovecot_mailboxes.source(address, folders=["Reports/**"], move_to=names[-1])
    assert {"3.csv", "10.csv"} < {item.name for item in listed(deep)[0]}


def test_a_server_that_cannot_move_loses_nothing_that_others_have_marked(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    with dovecot_mailboxes.connected(address) as client:
        client.create_folder("Done")
    for number in (1, 2):
        dovecot_mailboxes.append(address, mail(number))
    with altering_front(dovecot_mailboxes.port, b" MOVE ", b" ") as (port, sent):
        source = replace(dovecot_mailboxes, port=port).source(address, move_to="Done")
        first, second = listed(source)[0]
        with dovecot_mailboxes.connected(address) as client:
            client.select_folder("INBOX")
            client.delete_messages(client.search(["HEADER", "Message-ID", "<2@x>"]))
        source.acknowledge(first, answer(first))
        source.acknowledge(first, answer(first))
        assert any(b"COPY" in line for line in sent)
        with source.open(second) as stream:
            assert stream.read() == b"2"
    assert [b"\\Deleted" in each for each in dovecot_mailboxes.flags(address, "INBOX")] == [True]
    assert [b"\\Seen" in each for each in dovecot_mailboxes.flags(address, "Done")] == [True]


def test_of_a_full_folder_only_the_new_one_is_asked_about(
    dovecot_server: Dovecot, dovecot_mailboxes: MailboxServer, address: str
) -> None:
    dovecot_mailboxes.append(address, mail(0))
    folder = dovecot_server.maildir(address) / "cur"
    owner = folder.stat()
    for number in range(MANY):
        # A file may have some 65,000 names at most.
        if number % 10_000 == 0:
            one = folder / f"1.{number}.host:2,"
            one.write_bytes(mail(1))
            os.chown(one, owner.st_uid, owner.st_gid)
        else:
            os.link(one, folder / f"1.{number}.host:2,")
    with dovecot_mailboxes.connected(address) as client:
        told = client.select_folder("INBOX", readonly=True)
        assert told[b"EXISTS"] == MANY + 1
        cursor = json.dumps({"INBOX": [told[b"UIDVALIDITY"], told[b"UIDNEXT"] - 1]})
    dovecot_mailboxes.append(address, mail(2))
    with altering_front(dovecot_mailboxes.port, b"\0", b"\0") as (port, sent):
        source = replace(dovecot_mailboxes, port=port).source(address)
        items, _ = listed(source, cursor)
    assert [item.name for item in items] == ["2.csv"]
    new = told[b"UIDNEXT"]
    searches = [line.split(None, 1)[1] for line in sent if b"SEARCH" in line]
    assert searches == [b"UID SEARCH UID %d:* ALL\r\n" % new]
    assert all(b"FETCH %d (" % new in line for line in sent if b"FETCH" in line)
