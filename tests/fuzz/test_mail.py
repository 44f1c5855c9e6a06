"""The short form of `make fuzz-mail`."""

from __future__ import annotations

from fuzz.mail import dialogues, messages


def test_changed_mails_break_nothing_and_leave_an_entry() -> None:
    assert list(messages(1500, 20)) == []


def test_changed_dialogues_with_a_server_break_nothing() -> None:
    assert list(dialogues(120, 20)) == []
