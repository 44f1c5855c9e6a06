"""Attachments are whole or refused as cut, whatever they are wrapped in; what is none is told."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from connectors.mailbox.containers import files_within, unfolded_files
from connectors.mailbox.headers import file_name, read_headers
from connectors.mailbox.source import MailboxSource
from mailbox_server import MailboxServer, matching
from schemas.errors import DataError, EncryptedError
from schemas.item import Item, Left

CORPUS = Path(__file__).parents[1] / "data" / "mail"
ROWS = b"k,n\r\n" + b"".join(b"key-%d,%d\r\n" % (n, n) for n in range(20))


def wrapped(*parts: str, end: str = "--b--\r\n", more: str = "") -> bytes:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + end
    return (
        f"From: partner@example.org\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n{more}"
        f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n{body}'
    ).encode()


def encoded(data: bytes, how: str = "base64", headers: str = "Content-Type: text/csv; name=a.csv",
            text: str | None = None) -> str:  # fmt: skip
    text = base64.encodebytes(data).decode().replace("\n", "\r\n") if text is None else text
    return f"{headers}\r\nContent-Transfer-Encoding: {how}\r\n\r\n{text}"


def read(source: MailboxSource, item: Item) -> bytes:
    with source.open(item) as stream:
        return stream.read()


def both(server: MailboxServer, address: str, raw: bytes) -> list[tuple[str, bytes | str]]:
    """Name and bytes, or fault, of every file: by the server's parts, and of the whole message,
    which must say the same."""
    server.append(address, raw)
    source, found = server.source(address), list[tuple[str, bytes | str]]()
    for item in matching("**", source)[0]:
        try:
            found.append((item.name, read(source, item)))
        except DataError as error:
            found.append((item.name, error.message))
    whole = list[tuple[str, bytes | str]]()
    for each in unfolded_files(io.BytesIO(raw)):
        whole.append((each.name, each.data if each.fault is None else each.fault.message))
    assert [(name, _plain(data)) for name, data in whole] == [
        (name, _plain(data)) for name, data in found
    ]
    return found


def _plain(data: bytes | str) -> bytes | str:
    return data.strip() if isinstance(data, bytes) else data


TEXT = "Content-Type: text/plain\r\n\r\nsee"


@pytest.mark.parametrize("size", [1, 2, 7, 57])
def test_base64_that_is_padded_piece_by_piece_is_all_there(
    dovecot_mailboxes: MailboxServer, address: str, size: int
) -> None:
    pieces = [ROWS[at : at + size] for at in range(0, len(ROWS), size)]
    text = "\r\n".join(base64.b64encode(each).decode() for each in pieces)
    raw = wrapped(TEXT, encoded(b"", text=text))
    assert both(dovecot_mailboxes, address, raw) == [("a.csv", ROWS)]


@pytest.mark.parametrize(
    ("part", "end"),
    [
        (encoded(ROWS)[:-9], "--b--\r\n"),
        (encoded(ROWS)[:-40], ""),
        (encoded(ROWS)[: len(encoded(ROWS)) // 4 * 2], ""),
        (encoded(ROWS), ""),
        (f"Content-Type: text/csv; name=a.csv\r\n\r\n{ROWS.decode()[:100]}", ""),
        (encoded(b"", text="YWI=\r\nYW"), "--b--\r\n"),
    ],
)
def test_what_is_cut_in_transit_is_refused_as_cut(
    dovecot_mailboxes: MailboxServer, address: str, part: str, end: str
) -> None:
    [(name, fault)] = both(dovecot_mailboxes, address, wrapped(TEXT, part, end=end))
    assert name == "a.csv"
    assert "cut short" in str(fault)


def test_a_footer_after_the_end_is_no_cut(dovecot_mailboxes: MailboxServer, address: str) -> None:
    footer = "-- \r\n" + "Scanned by a machine, again and again.\r\n" * 500
    raw = wrapped(TEXT, encoded(ROWS), end=f"--b--\r\n{footer}")
    assert both(dovecot_mailboxes, address, raw) == [("a.csv", ROWS)]


@pytest.mark.parametrize("how", ["base64;", '"base64"', "BASE64 ", "x-base64"])
def test_encodings_written_oddly(dovecot_mailboxes: MailboxServer, address: str, how: str) -> None:
    raw = wrapped(TEXT, encoded(ROWS, how))
    assert both(dovecot_mailboxes, address, raw) == [("a.csv", ROWS)]


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_multipart_in_base64_is_opened(
    dovecot_mailboxes: MailboxServer, address: str, is_whole: bool
) -> None:
    inner = f"--i\r\nContent-Type: text/csv; name=a.csv\r\n\r\n{ROWS.decode()}\r\n--i--\r\n"
    text = base64.encodebytes(inner.encode()).decode().replace("\n", "\r\n")
    kind = 'Content-Type: multipart/mixed; boundary="i"\r\nContent-Transfer-Encoding: base64'
    if is_whole:
        raw = (
            f"From: p@example.org\r\nMessage-ID: <1@example.org>\r\n{kind}\r\n\r\n{text}"
        ).encode()
    else:
        raw = wrapped(TEXT, f"{kind}\r\n\r\n{text}")
    assert [(name, _plain(data)) for name, data in both(dovecot_mailboxes, address, raw)] == [
        ("a.csv", ROWS.strip())
    ]


def test_tnef_is_told_by_its_magic(dovecot_mailboxes: MailboxServer, address: str) -> None:
    tnef = (CORPUS / "tnefparse_one-file.tnef").read_bytes()
    for number, kind in enumerate(
        ("Content-Type: application/octet-stream; name=ATT00001.dat",
         "Content-Type: application/octet-stream\r\nContent-Disposition: attachment")
    ):  # fmt: skip
        raw = wrapped(TEXT, encoded(tnef, headers=kind)).replace(b"<1@", b"<%d@" % number)
        dovecot_mailboxes.append(address, raw)
        assert [each.name for each in unfolded_files(io.BytesIO(raw))] == ["AUTHORS"]
    items, _ = matching("**", dovecot_mailboxes.source(address))
    assert [item.name for item in items] == ["AUTHORS", "AUTHORS"]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and its certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("signer")
    certificate = trustme.CA().issue_cert("partner@example.org")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return folder


def openssl(folder: Path, *arguments: str, data: bytes) -> bytes:
    command = ["openssl", "cms", arguments[0], "-outform", "DER", *arguments[1:]]
    return subprocess.run(
        command, input=data, cwd=folder, capture_output=True, check=True
    ).stdout  # fmt: skip


@pytest.mark.parametrize("more", [[], ["-stream"]])
def test_a_signed_message_is_opened(
    dovecot_mailboxes: MailboxServer, address: str, signer: Path, more: list[str]
) -> None:
    entity = encoded(ROWS).encode()
    sign = ["-sign", "-nodetach", "-binary", "-signer", "cert.pem", "-inkey", "key.pem", *more]
    signed = openssl(signer, *sign, data=entity)
    kind = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    raw = f"From: p@example.org\r\nMessage-ID: <1@x>\r\n{encoded(signed, headers=kind)}".encode()
    assert both(dovecot_mailboxes, address, raw) == [("a.csv", ROWS)]
    assert files_within("orders.csv.p7m", "", openssl(signer, *sign, data=ROWS)) == [
        ("orders.csv", ROWS)
    ]


def test_an_encrypted_message_is_said_to_be(
    dovecot_mailboxes: MailboxServer, address: str, signer: Path
) -> None:
    sealed = openssl(signer, "-encrypt", "-binary", "-aes128", "cert.pem", data=b"secret")
    with pytest.raises(EncryptedError):
        files_within("smime.p7m", "", sealed)
    kind = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"
    raw = f"From: p@example.org\r\nMessage-ID: <1@x>\r\n{encoded(sealed, headers=kind)}".encode()
    dovecot_mailboxes.append(address, raw)
    (page,) = dovecot_mailboxes.source(address).list("*.csv", None)
    assert [(each.item.name, each.why) for each in page.left] == [("smime.p7m", "ENCRYPTED")]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ("Content-Type: text/csv", "attachment-2.csv"),
        ("Content-Type: application/octet-stream", "attachment-2.csv"),
        ("Content-Type: text/plain\r\nContent-Disposition: attachment", "attachment-2.txt"),
        ("Content-Type: application/vnd.ms-excel", "attachment-2.xls"),
        ("Content-Type: text/csv\r\nContent-Description: orders.csv", "orders.csv"),
    ],
)
def test_an_attachment_without_a_name_gets_one(
    dovecot_mailboxes: MailboxServer, address: str, headers: str, name: str
) -> None:
    dovecot_mailboxes.append(address, wrapped(TEXT, encoded(ROWS, headers=headers)))
    source = dovecot_mailboxes.source(address)
    ([item], _) = matching("**", source)
    assert (item.name, read(source, item)) == (name, ROWS)


def _named(letters: str, charset: str, said: str) -> str:
    word = base64.b64encode(letters.encode(charset)).decode()
    return f'Content-Disposition: attachment; filename="=?{said}?B?{word}?="'


def _starred(letters: str, charset: str, said: str) -> str:
    word = "".join(f"%{byte:02X}" for byte in letters.encode(charset))
    return f"Content-Disposition: attachment; filename*={said}''{word}"


@pytest.mark.parametrize("write", [_named, _starred])
@pytest.mark.parametrize(
    ("name", "charset", "said"),
    [
        ("דוח.csv", "iso-8859-8", "iso-8859-8-i"),
        ("รายงาน.csv", "cp874", "windows-874"),
        ("報告.csv", "cp932", "x-sjis"),
        ("报告.csv", "gbk", "x-gbk"),
        ("отчёт.csv", "utf-8", "no-such-charset"),
        ("café.csv", "cp1252", "x-unknown"),
        ("café.csv", "utf-8", "utf8mb4"),
    ],
)
def test_names_in_charsets_that_python_does_not_know(
    write: Callable[[str, str, str], str], name: str, charset: str, said: str
) -> None:
    assert file_name(read_headers(write(name, charset, said).encode())) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("payouts 03/11/2026.csv", "payouts 03_11_2026.csv"),
        ("a\\\\b.csv", "a_b.csv"),
        ("../../etc/a.csv", "a.csv"),
        ("/home/ana/a.csv", "a.csv"),
        ("C:\\\\temp\\\\a.csv", "a.csv"),
        ("\\\\\\\\share\\\\dir\\\\a.csv", "a.csv"),
        ("x/../../a.csv", "a.csv"),
    ],
)
def test_slashes_are_letters_in_names_and_folders_in_paths(written: str, name: str) -> None:
    headers = read_headers(f'Content-Disposition: attachment; filename="{written}"'.encode())
    assert file_name(headers) == name


def test_a_name_that_is_there_whole_and_in_pieces_breaks_nothing(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    odd = "Content-Type: text/csv\r\nContent-Disposition: attachment; filename*=utf-8''a.csv;"
    raw = wrapped(TEXT, encoded(ROWS, headers=f"{odd} filename*0=b.csv"))
    assert both(dovecot_mailboxes, address, raw) == [("a.csv", ROWS)]
    boundary = b"boundary*=utf-8''b; boundary*0=b"
    dovecot_mailboxes.append(
        address, raw.replace(b'boundary="b"', boundary).replace(b"<1@", b"<2@")
    )
    items: list[Item] = []
    left: list[Left] = []
    for page in dovecot_mailboxes.source(address).list("**", None):
        items += page.items
        left += page.left
    assert len(items) + len(left) >= 2


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("Content-Type: text/html\r\n\r\n<table>" + "<tr><td>k</td><td>1</td></tr>" * 4
         + "</table>", "BODY"),
        ("Content-Type: text/plain\r\n\r\nk;day;n\r\na;2026-11-01;1\r\nb;2026-11-01;2\r\n", "BODY"),
        ("Content-Type: text/html\r\n\r\n<a href='https://we.tl/t-Ab12'>your file</a>", "LINK"),
        ("Content-Type: text/plain\r\n\r\nhttps://files.example.org/orders.csv?x=1", "LINK"),
        ("Content-Type: text/plain\r\n\r\nThanks, see you, all the best,\r\nAna", "NO_FILE"),
    ],
)  # fmt: skip
def test_a_mail_without_a_file_is_told(
    dovecot_mailboxes: MailboxServer, address: str, part: str, why: str
) -> None:
    logo = "Content-Type: image/png; name=logo.png\r\nContent-ID: <1@x>\r\n\r\nx"
    dovecot_mailboxes.append(address, wrapped(part, logo))
    (page,) = dovecot_mailboxes.source(address).list("*.csv", None)
    assert [each.why for each in page.left if each.why != "NAME"] == [why]


def test_a_bounce_that_brings_a_report_is_told(
    dovecot_mailboxes: MailboxServer, address: str
) -> None:
    raw = wrapped(TEXT, encoded(ROWS), more="X-Failed-Recipients: ana@acorn.example\r\n")
    dovecot_mailboxes.append(address, raw)
    (page,) = dovecot_mailboxes.source(address).list("*.csv", None)
    assert page.items == ()
    assert [(each.item.name, each.why) for each in page.left] == [("a.csv", "AUTOMATIC")]
