"""Trust: who is taken for a sender, which results speak for one, and who is never answered."""

from __future__ import annotations

from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.mailbox.authentication import Authentication, passed
from connectors.mailbox.headers import letter_of
from connectors.mailbox.sender_headers import envelope_of, is_bounce
from entrypoints.config.feeds import read_feeds
from pipelines import Feed, Trust
from pipelines.parse.kind import Kind, kind_of
from pipelines.prepare.trust import is_sender, speaks_for
from schemas.errors import ConfigError
from schemas.trust import Vouched

OURS = "mx.example.com"


def message(*lines: str) -> EmailMessage:
    text = "\n".join([*lines, "", "body"])
    made = message_from_string(text, policy=policy.default)
    assert isinstance(made, EmailMessage)
    return made


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (["mx.example.com; dkim=pass header.d=acorn.example"], {("dkim", "acorn.example")}),
        (["MX.example.com 1; dkim=pass (2048 bit; x) header.i=@Acorn.example header.s=a"],
         {("dkim", "acorn.example")}),
        (["mx.example.com; spf=pass smtp.mailfrom=x@acorn.example; dmarc=pass (p=none)"
          " header.from=acorn.example"], {("spf", "acorn.example"), ("dmarc", "acorn.example")}),
        (["mx.other.example; dkim=pass header.d=acorn.example"], set()),
        (["mx.example.com.evil.example; dkim=pass header.d=acorn.example"], set()),
        (["mx.example.com; dkim=fail header.d=acorn.example"], set()),
        (["mx.example.com; dkim=pass"], set()),
        (["mx.example.com; spf=pass smtp.helo=acorn.example"], set()),
        (["what is this", "; ;", ""], set()),
        # What the sender has put in under our name stands below what our server wrote.
        (["mx.example.com; dkim=none", "mx.example.com; dkim=pass header.d=acorn.example"], set()),
        (["mx.example.com; spf=pass smtp.mailfrom=acorn.example",
          "mx.example.com; dkim=pass header.d=acorn.example"],
         {("spf", "acorn.example"), ("dkim", "acorn.example")}),
        (["mx.example.com; dkim=fail header.d=b.example; dkim=pass header.d=acorn.example"],
         {("dkim", "acorn.example")}),
    ],
)  # fmt: skip
def test_only_our_own_servers_topmost_results_count(
    headers: list[str], found: set[tuple[str, str]]
) -> None:
    assert {(each.method, each.domain) for each in passed(headers, OURS)} == found


@pytest.mark.parametrize(
    ("domain", "is_theirs"),
    [
        ("acorn.example", True),
        ("mail.acorn.example", True),
        ("evilacorn.example", False),
        ("acorn.example.evil.example", False),
        ("example", False),
    ],
)
def test_a_result_must_speak_for_the_senders_own_domain(domain: str, is_theirs: bool) -> None:
    assert speaks_for(Vouched(method="dkim", domain=domain), "ana@acorn.example") is is_theirs


@pytest.mark.parametrize(
    ("allowed", "senders", "others"),
    [
        ("Ana@acorn.example", ["ana@ACORN.example"], ["bob@acorn.example", "ana@x.acorn.example"]),
        ("acorn.example", ["a@acorn.example"], ["a@x.acorn.example", "a@evilacorn.example"]),
        ("*.acorn.example", ["a@x.acorn.example"], ["a@acorn.example", "a@xacorn.example"]),
        ("acorn.example", [], ["acorn.example@evil.example", '"a@acorn.example"@evil.example']),
    ],
)
def test_senders_are_addresses_and_domains(
    allowed: str, senders: list[str], others: list[str]
) -> None:
    assert all(is_sender(each, allowed) for each in senders)
    assert not any(is_sender(each, allowed) for each in others)


@pytest.mark.parametrize(
    "line",
    [
        "Return-Path: <>",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "List-Id: <reports.example>",
        "List-Unsubscribe: <mailto:x@example.org>",
        "X-Auto-Response-Suppress: DR, AutoReply",
    ],
)
def test_programs_and_lists_are_not_answered(line: str) -> None:
    plain = message("From: ana@acorn.example", "Return-Path: <ana@acorn.example>")
    assert envelope_of(plain) == {}
    assert envelope_of(message("From: ana@acorn.example", line))["no_reply"]


@pytest.mark.parametrize(
    ("local", "is_person"),
    [("MAILER-DAEMON", False), ("no-reply", False), ("reports-request", False), ("owner-x", False),
     ("noreen", True), ("bounces.fan", True), ("ana", True)],
)  # fmt: skip
def test_addresses_that_nobody_reads_are_not_answered(local: str, is_person: bool) -> None:
    facts = envelope_of(message(f"From: X <{local}@acorn.example>"))
    assert ("no_reply" not in facts) is is_person


def test_a_from_that_can_be_read_in_two_ways_is_doubtful() -> None:
    two = message("From: ana@acorn.example", "From: eve@evil.example")
    assert "2 From" in envelope_of(two)["doubtful_sender"]
    both = message("From: ana@acorn.example, eve@evil.example")
    assert "2 addresses" in envelope_of(both)["doubtful_sender"]


def test_a_bounce_is_none_of_our_files() -> None:
    assert is_bounce(message('Content-Type: multipart/report; boundary="x"'))
    assert not is_bounce(message('Content-Type: multipart/mixed; boundary="x"'))
    assert letter_of(message("X-Failed-Recipients: ana@acorn.example")).passed_over
    assert not letter_of(message("From: ana@acorn.example")).passed_over


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"senders": ("ana at acorn",)}, "not a sender"),
        ({"senders": "acorn.example"}, "must be several"),
        ({"senders": ("acorn.example",), "require": ("dikm",)}, "dikm"),
        ({"require": ("dkim",)}, "name the senders"),
        ({"files_a_day": 0}, "less than 1"),
    ],
)
def test_what_trust_cannot_mean_is_refused(facts: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Trust(**facts)
    assert why in f"{caught.value.message} {caught.value.hint}"


def test_a_result_that_the_source_never_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text(
        "from pipelines import Feed, Trust\n"
        "feed = Feed(name='t', source='s', match='*', contract='t',\n"
        "    trust=Trust(senders=('acorn.example',), require=('dkim', 'spf')))\n"
    )
    contracts: Any = {"t": SimpleNamespace(name="t")}

    def read(**config: Any) -> dict[str, Feed]:
        known = SimpleNamespace(authentication=Authentication(**config))
        sources: Any = {"s": SimpleNamespace(config=known)}
        return read_feeds(tmp_path, contracts, sources)

    assert read(authserv_id=OURS)["t"].trust
    with pytest.raises(ConfigError, match="dkim, spf"):
        read()
    with pytest.raises(ConfigError, match="requires spf"):
        read(verify_dkim=True)
    with pytest.raises(ConfigError, match="movie"):
        Feed(name="t", source="s", match="*", contract="t", trust=Trust(types=("movie",)))


def test_programs_are_told_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    for start in (b"MZ\x90\x00\x03\x00", b"\x7fELF\x02"):
        path.write_bytes(start)
        assert kind_of(path) is Kind.PROGRAM
    path.write_bytes(b"MZ,n\n1,2\n")
    assert kind_of(path) is Kind.TEXT
