"""Attachments say in which encoding their text is; TERM ends a demo that is kept."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from connectors.smtp.notifier import compose
from entrypoints.cli.demo import ended_by_term
from schemas.receipt import Document, Message


def test_attached_text_has_a_charset(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("ñ".encode("cp1252"))
    document = Document(
        suffix=".rejected.csv",
        content_type="text/csv; charset=windows-1252",
        path=tmp_path / "a",
    )
    mail = compose(
        Message(
            message_id="<1@x>",
            to="a@example.com",
            subject="s",
            text="ñ",
            attachments=(("a", document),),
        ),
        "b@example.com",
        1000,
    )
    [attached] = mail.iter_attachments()
    assert attached.get_content_charset() == "windows-1252"
    assert attached.get_content() == "ñ"
    body = mail.get_body()
    assert body is not None
    assert body.get_content_charset() == "utf-8"


def test_term_ends_the_demo_as_ctrl_c_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_term():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
