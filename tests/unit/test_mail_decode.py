"""Transfer encodings come apart the same wherever the blocks are cut."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mailbox.decode import decoded
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
