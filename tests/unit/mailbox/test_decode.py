"""Transfer encodings come apart the same wherever the blocks are cut."""

from __future__ import annotations

import base64
import binascii
import io
import quopri
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mailbox.containers import unfolded_files
from connectors.mailbox.decode import decoded
from connectors.mailbox.headers import encoding_of, file_name, letter_of, read_headers
from connectors.mailbox.outlook import outlook_files
from connectors.mailbox.structure import leaves
from schemas.errors import DataError


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.binary(max_size=400), st.integers(1, 90))
def test_base64_and_quoted_printable(body: bytes, size: int) -> None:
    assert b"".join(decoded(cut(base64.encodebytes(body), size), "base64")) == body
    quoted = quopri.encodestring(body, quotetabs=True)
    assert b"".join(decoded(cut(quoted, size), "quoted-printable")) == quopri.decodestring(quoted)
    assert b"".join(decoded(cut(body, size), "8bit")) == body


def test_base64_with_a_footer_or_cut_short() -> None:
    assert b"".join(decoded([b"YSxi\r\nMQ==\r\n", b"-- \r\nscanned by"], "base64")) == b"a,b1"
    with pytest.raises(DataError, match="cut short"):
        list(decoded([b"YSxiM"], "base64"))


def pieces(body: bytes, size: int, end: bytes) -> bytes:
    return b"".join(base64.b64encode(each) + end for each in cut(body, size))


@given(
    st.binary(max_size=400), st.integers(1, 90), st.integers(1, 90), st.sampled_from([b"", b"\r\n"])
)
def test_base64_padded_piece_by_piece_is_read_to_its_end(
    body: bytes, piece: int, size: int, end: bytes
) -> None:
    raw = pieces(body, piece, end)
    assert b"".join(decoded(cut(raw, size), "base64")) == body


@pytest.mark.parametrize(
    "raw",
    [
        b"YWI",  # a piece without its padding
        b"YWJj\r\nYQ",
        b"YWI=YWJ",  # further letters that are no piece
        b"YWI=\r\nDisclaimer",
        b"YWI=\r\n-- \r\n" + b"QUJD" * 20,  # data after a footer
        b"YQ=\r\n",
        b"YWJj=\r\n",
    ],
)
def test_base64_that_is_cut_is_refused(raw: bytes) -> None:
    for size in (1, 3, 100):
        with pytest.raises(DataError, match="cut short"):
            list(decoded(cut(raw, size), "base64"))


def test_uuencode_has_to_end() -> None:
    body = bytes(range(256)) * 3
    lines = b"".join(binascii.b2a_uu(each) for each in cut(body, 45))
    raw = b"begin 644 a.csv\n" + lines + b"`\nend\n"
    for size in (1, 7, 5000):
        assert b"".join(decoded(cut(raw, size), "x-uuencode")) == body
        with pytest.raises(DataError, match="cut short"):
            list(decoded(cut(raw[:-30], size), "x-uuencode"))


@pytest.mark.parametrize(
    "written", ["base64;", '"base64"', "BASE64 (as ever)", "x-base64", "base-64", " Base64 ; x=1"]
)
def test_transfer_encodings_written_oddly(written: str) -> None:
    headers = read_headers(f"Content-Transfer-Encoding: {written}\r\n".encode())
    assert encoding_of(headers) == "base64"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-uuencode"])
@pytest.mark.parametrize("letters", [b"A", b"=", b"A=\n", b"=\n", b"-", b"begin \nM"])
def test_decoding_takes_a_time_that_grows_with_the_size(encoding: str, letters: bytes) -> None:
    def seconds(size: int) -> float:
        raw, begun = letters * (size // len(letters)), time.process_time()
        with suppress(DataError):
            list(decoded(cut(raw, 65536), encoding))
        return time.process_time() - begun

    assert seconds(8_000_000) < 0.5 + 8 * seconds(2_000_000)


def test_a_message_of_too_many_or_too_deep_parts_is_refused() -> None:
    leaf = (b"TEXT", b"CSV", (b"NAME", b"a.csv"), None, None, b"7BIT", 3, 1)
    with pytest.raises(DataError, match="parts"):
        leaves(([leaf] * 1001, b"MIXED"))
    deep: tuple[object, ...] = leaf
    for _ in range(60):
        deep = ([deep], b"MIXED")
    with pytest.raises(DataError, match="deeply"):
        leaves(deep)


def test_a_damaged_container_is_told() -> None:
    with pytest.raises(DataError, match="damaged"):
        outlook_files("msg", b"nothing of the kind")
    with pytest.raises(DataError, match="damaged"):
        outlook_files("tnef", b"")


N = 64_000
HEADERS = [
    b"Subject: " + b"=?" * (N // 2),
    b"Subject: " + b"=?utf-8?q?" * (N // 10),
    b"Subject: " + b"=?utf-8?q?a?= " * (N // 14),
    b"Subject: " + b" " * N + b"x",
    b"From: " + b"(" * N,
    b"From: " + b"a:" * (N // 2),
    b"From: " + b'"a' * (N // 2),
    b"Reply-To: " + b"<" * N,
    b"Date: " + b"a " * (N // 2),
    b"Date: " + b"9" * N,
    b"X: a\r\n" * (N // 6),
    b"X-Auto-Response-Suppress: " + b" all_" * (N // 5),
    *(
        name + rest
        for name in (b"Content-Disposition: attachment; ", b"Content-Type: text/csv; ")
        for rest in (
            b"a;" * (N // 2),
            b'a="' * (N // 3),
            b'filename="' + b";" * N,
            b'"\\' * (N // 2),
            b"".join(b"filename*%d=a;" % each for each in range(N // 16)),
            b"filename*0*=utf-8''%41" + b"%41" * (N // 3),
            b"filename*" + b"9" * N + b"=a",
        )
    ),
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_a_hostile_header_costs_little(header: bytes) -> None:
    raw = b"From: ana@acorn.example\r\n" + header + b"\r\n\r\na,b\r\n"
    begun = time.process_time()
    headers = read_headers(raw)
    letter_of(headers)
    file_name(headers)
    encoding_of(headers)
    assert list(unfolded_files(io.BytesIO(raw))) is not None
    # 2.5 to 3.4 seconds were seen.
    assert time.process_time() - begun < 0.8


def test_a_header_that_is_cut_is_nobodys() -> None:
    long = b"From: Ana " + b"(x)" * 4_000 + b"<eve@bad.example>, <ana@acorn.example>"
    assert letter_of(read_headers(long + b"\r\n\r\n")).author is None
    name = "n" * 150 + ".csv"
    honest = f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    assert file_name(read_headers(honest.encode())) == name
