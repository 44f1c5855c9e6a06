"""Hard mails: whatever a file is called and wherever it sits, it is listed and read whole."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from altering_front import altering_front
from connectors.mailbox.containers import unfolded_files
from connectors.mailbox.source import MailboxSource
from dovecot import Dovecot
from mailbox_server import MailboxServer, matching
from schemas.errors import DataError
from schemas.file import file_id_of
from schemas.item import Item

CORPUS = Path(__file__).parents[1] / "data" / "mail"
EXPECTED = json.loads((CORPUS / "expected.json").read_text("utf-8"))


def message(
    *parts: str, kind: str = "multipart/mixed", more: str = "", boundary: str = "b"
) -> bytes:
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--"
    return (
        f"From: Partner <partner@example.org>\r\nMessage-ID: <1@example.org>\r\n{more}"
        f'MIME-Version: 1.0\r\nContent-Type: {kind}; boundary="{boundary}"\r\n\r\n{body}\r\n'
    ).encode()


def part(headers: str, body: str = "a,b") -> str:
    return f"{headers}\r\n\r\n{body}"


listed = partial(matching, "**")


def read(source: MailboxSource, item: Item) -> bytes:
    with source.open(item) as stream:
        return stream.read()


@pytest.mark.parametrize("name", EXPECTED)
def test_mails_that_others_wrote(dovecot_mailboxes: MailboxServer, address: str, name: str) -> None:
    raw = (CORPUS / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    container = {".tnef": "application/ms-tnef", ".msg": "application/x; name=saved.msg"}
    if kind := container.get(Path(name).suffix):
        encoded = base64.encodebytes((CORPUS / name).read_bytes()).decode()
        headers = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64"
        raw = message(part("Content-Type: text/plain", "see"), part(headers, encoded))
    dovecot_mailboxes.append(address, raw)
    source = dovecot_mailboxes.source(address)
    found = []
    for item in listed(source)[0]:
        try:
            found.append([item.name, hashlib.sha256(read(source, item)).hexdigest()])
        except DataError as error:
            found.append([item.name, error.message])
    assert found == EXPECTED[name]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ('Content-Disposition: attachment; filename="=?utf-8?Q?caf=C3=A9.csv?="', "café.csv"),
        ("Content-Type: text/csv; name==?utf-8?B?Y2Fmw6kuY3N2?=", "café.csv"),
        ("Content-Disposition: attachment; filename*=UTF-8''caf%C3%A9.csv", "café.csv"),
        ("Content-Disposition: inline; filename*0*=UTF-8''ca;\r\n filename*1*=f%C3%A9;"
         "\r\n filename*2=.csv", "café.csv"),
        ("Content-Disposition: attachment; filename*=no-such-charset''a.csv", "a.csv"),
        ("Content-Disposition: attachment; filename=two words.csv", "two words.csv"),
        ('Content-Disposition: attachment; filename="../../etc/a.csv"', "a.csv"),
        ('Content-Disposition: attachment;\r\n filename="folded\r\n name.csv"', "folded name.csv"),
        ('Content-Disposition: attachment; filename="café.csv"', "café.csv"),
    ],
)  # fmt: skip
def test_names_in_every_encoding(
    dovecot_mailboxes: MailboxServer, address: str, headers: str, name: str
) -> None:
    typed = headers if headers.startswith("Content-Type") else f"Content-Type: x/y\r\n{headers}"
    raw = message(part("Content-Type: text/plain", "see"), part(typed))
    dovecot_mailboxes.append(address, raw)
    source = dovecot_mailboxes.source(address)
    ([item], _) = listed(source)
    assert item.name == name
    assert read(source, item) == b"a,b"


def test_a_forwarded_message_is_looked_into(dovecot_mailboxes: MailboxServer, address: str) -> None:
    csv = 'Content-Type: text/csv; name="{}"'
    inner = message(part(csv.format("inner.csv"), "1"), part(csv.format("second.csv"), "2"))
    attached = f"Content-Type: message/rfc822\r\n\r\n{inner.decode()}"
    lone = "From: a@example.org\r\nContent-Type: text/csv; name=lone.csv\r\n\r\n3"
    saved = base64.encodebytes(inner).decode()
    raw = message(
        part("Content-Type: text/plain", "see"),
        attached,
        part("Content-Type: message/rfc822", lone),
        part("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", saved),
        part("Content-Type: application/octet-stream; name=saved.eml\r\n"
             "Content-Transfer-Encoding: base64", saved),
        part("Content-Type: message/external-body; access-type=URL; URL=\"http://127.0.0.1:9/\";"
             " name=elsewhere.csv", "Content-Type: text/csv\r\n\r\n"),
    )  # fmt: skip
    dovecot_mailboxes.append(address, raw)
    source = dovecot_mailboxes.source(address)
    items, _ = listed(source)
    found = [(item.name, read(source, item).strip()) for item in items]
    twice = [("inner.csv", b"1"), ("second.csv", b"2")]
    assert found == [*twice, ("lone.csv", b"3"), *twice, *twice]
    assert {item.sender for item in items} == {"partner@example.org"}
    assert len({item.key for item in items}) == len(items)


def test_a_receipt_of_ours_within_a_message_brings_nothing(
    server: MailboxServer, address: str, request: pytest.FixtureRequest
) -> None:
    if "mail-devel" in request.node.name:
        pytest.xfail("it tells the structure of a message within a message wrong")
    receipt = message(
        part("Content-Type: text/csv; name=a.csv.rejected.csv"),
        more="X-Waybill-Receipt: yes\r\n", boundary="receipt",
    )  # fmt: skip
    forwarded = message(
        part(f"Content-Type: message/rfc822\r\n\r\n{receipt.decode()}"), boundary="forwarded"
    )
    saved = base64.encodebytes(forwarded).decode()
    raw = message(
        part("Content-Type: text/plain", "mended"),
        f"Content-Type: message/rfc822\r\n\r\n{forwarded.decode()}",
        part("Content-Type: application/octet-stream; name=saved.eml\r\n"
             "Content-Transfer-Encoding: base64", saved),
        part("Content-Type: text/csv; name=a.csv", "1"),
    )  # fmt: skip
    server.append(address, raw)
    source = server.source(address)
    items, _ = listed(source)
    assert [(item.name, read(source, item).strip()) for item in items] == [("a.csv", b"1")]
    assert [(each.name, each.data) for each in unfolded_files(io.BytesIO(raw))] == [("a.csv", b"1")]


def test_a_message_of_very_many_parts_is_listed(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    body = message(*(part(f"Content-Type: text/csv; name={n}.csv") for n in range(990)))
    for depth in range(23):
        body = message(f"Content-Type: message/rfc822\r\n\r\n{body.decode()}", boundary=f"b{depth}")
    dovecot_mailboxes.append(address, body)
    assert len(listed(dovecot_mailboxes.source(address))[0]) == 990


@pytest.mark.parametrize("broken", [b"BODYSTRUCTURE NIL X (", b"BODYSTRUCTURE ))("])
def test_a_message_whose_structure_is_told_wrong_is_read_all_the_same(
    dovecot_mailboxes: MailboxServer, address: str, broken: bytes
) -> None:
    csv = 'Content-Type: text/csv; name="{}"'
    inner = message(part(csv.format("inner.csv"), "2"))
    for name in ("inner.eml", "outer.eml"):
        inner = message(f"Content-Type: message/rfc822; name={name}\r\n\r\n{inner.decode()}")
    saved = base64.encodebytes(inner).decode()
    raw = message(
        part(csv.format("first.csv"), "1"),
        part("Content-Type: message/rfc822; name=saved.eml\r\n"
             "Content-Transfer-Encoding: base64", saved),
        part(csv.format("last.csv"), "3" * 3_000_000),
    )  # fmt: skip
    dovecot_mailboxes.append(address, raw)
    with altering_front(dovecot_mailboxes.port, b"BODYSTRUCTURE (", broken) as (port, _):
        source = replace(dovecot_mailboxes, port=port).source(address)
        items, cursor = listed(source)
        found = [(item.name, read(source, item).strip()) for item in items]
        assert listed(source, cursor)[0] == []
    assert found == [("first.csv", b"1"), ("inner.csv", b"2"), ("last.csv", b"3" * 3_000_000)]


def test_a_container_within_a_saved_mail_is_opened_too(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    tnef = base64.encodebytes((CORPUS / "tnefparse_two-files.tnef").read_bytes()).decode()
    winmail = part("Content-Type: application/octet-stream; name=winmail.dat\r\n"
                   "Content-Transfer-Encoding: base64", tnef)  # fmt: skip
    broken = part("Content-Type: application/ms-tnef; name=broken.dat", "no TNEF")
    saved = base64.encodebytes(message(winmail, broken)).decode()
    dovecot_mailboxes.append(address, message(part(
        "Content-Type: application/octet-stream; name=saved.eml\r\n"
        "Content-Transfer-Encoding: base64", saved)))  # fmt: skip
    source = dovecot_mailboxes.source(address)
    found = [
        [item.name, hashlib.sha256(read(source, item)).hexdigest()] for item in listed(source)[0]
    ]
    assert found[:-1] == EXPECTED["tnefparse_two-files.tnef"]
    assert found[-1][0] == "broken.dat"


def test_a_large_attachment_passes_in_bounded_memory(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    body = b"0123456789abcdef" * (50 * 65536)
    headers = "Content-Type: text/csv; name=large.csv\r\nContent-Transfer-Encoding: base64"
    dovecot_mailboxes.append(address, message(part(headers, base64.encodebytes(body).decode())))
    source = dovecot_mailboxes.source(address)
    tracemalloc.start()
    try:
        ([item], _) = listed(source)
        digest = hashlib.sha256()
        with source.open(item) as stream:
            while block := stream.read(65536):
                digest.update(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest.digest() == hashlib.sha256(body).digest()
    assert peak < 20 * 1024 * 1024
    small = dovecot_mailboxes.source(address, attachment_bytes=1024 * 1024)
    with pytest.raises(DataError, match="larger than"):
        read(small, item)


def test_a_message_is_one_item_wherever_it_lies(server: MailboxServer, address: str) -> None:
    raw = message(part("Content-Type: text/csv; name=a.csv"))
    with server.connected(address) as client:
        client.create_folder("Second")
    server.append(address, raw)
    source = server.source(address, folders=["INBOX", "Second"])
    [first], cursor = listed(source)
    server.append(address, raw, "Second")
    [second], later = listed(source, cursor)
    assert (second.key, second.version) == (first.key, first.version)
    assert listed(source, later)[0] == []
    server.append(address, raw.replace(b"<1@", b"<2@"))
    assert [item.detail["folder"] for item in listed(source, later)[0]] == ["INBOX"]


def test_a_forged_copy_hides_nothing(server: MailboxServer, address: str) -> None:
    results = "Authentication-Results: mx.example.com; dkim={}\r\n"
    signature = "DKIM-Signature: v=1; d=example.org; b={}\r\n"
    csv = "Content-Type: text/csv; name=a.csv"
    forged = [
        message(part(csv, "bad"), more=results.format("fail") + signature.format("abc")),
        message(part(csv, "bad"), more=results.format("pass") + signature.format("xyz")),
        message(part(csv, "bad")),
    ]
    genuine = message(part(csv, "new"), more=results.format("pass") + signature.format("abc"))
    with server.connected(address) as client:
        client.create_folder("Second")
    for raw in (*forged, genuine):
        server.append(address, raw)
    server.append(address, genuine, "Second")
    source = server.source(address, folders=["INBOX", "Second"])
    items = listed(source)[0]
    assert len({(item.key, item.version) for item in items}) == 4
    assert items[3].version == items[4].version
    assert read(source, items[3]).strip() == b"new"
    # Found by its Message-ID, as after a change of UIDVALIDITY, it is still the same one.
    for raw in forged:
        server.append(address, raw)
    elsewhere = [replace(item, detail={**item.detail, "uid": "1:1"}) for item in items[:4]]
    assert [read(source, item).strip() for item in elsewhere] == [b"bad"] * 3 + [b"new"]


def test_a_rebuilt_folder_brings_nothing_twice(
    dovecot_server: Dovecot, dovecot_mailboxes: MailboxServer, address: str
) -> None:
    for number in (1, 2):
        raw = message(part("Content-Type: text/csv; name=a.csv", f"a{number}"))
        dovecot_mailboxes.append(address, raw.replace(b"<1@", f"<{number}@".encode()))
    source = dovecot_mailboxes.source(address)
    before, cursor = listed(source)
    # A UIDVALIDITY is the second in which the folder's index was made.
    time.sleep(1.1)
    for each in dovecot_server.maildir(address).glob("dovecot*"):
        each.unlink()
    after, _ = listed(source, cursor)
    assert {item.detail["uid"].partition(":")[0] for item in after}.isdisjoint(
        item.detail["uid"].partition(":")[0] for item in before
    )
    known = {file_id_of("f", item.key, item.version) for item in before}
    assert {file_id_of("f", item.key, item.version) for item in after} == known
    assert [read(source, item) for item in before] == [b"a1", b"a2"]
