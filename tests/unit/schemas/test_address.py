"""Spoofed senders: what a From header names is read in one way, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mailbox.headers import Letter, letter_of, read_headers
from pipelines.prepare.trust import is_sender, speaks_for
from schemas.address import AddressError, address_of, addresses_in, is_public_suffix
from schemas.errors import ConfigError
from schemas.trust import Trust, Vouched

ANA = "ana@acorn.example"
EVIL = "eve@bad.example"


def letter(*lines: str | bytes) -> Letter:
    raw = b"\r\n".join(each if isinstance(each, bytes) else each.encode() for each in lines)
    return letter_of(read_headers(raw + b"\r\n\r\nbody"))


SPOOFED = [
    # Encoded words, in which anything may stand.
    "From: =?utf-8?q?ana=40acorn=2Eexample=2C?= <eve@bad.example>",
    "From: =?utf-8?b?YW5hQGFjb3JuLmV4YW1wbGUs?= <eve@bad.example>",
    "From: =?utf-8?q?ana=40acorn=2Eexample?= =?utf-8?q?=2C?= <eve@bad.example>",
    "From: =?utf-8?q?=3Cana=40acorn=2Eexample=3E=2C?= <eve@bad.example>",
    "From: =?utf-8?q?=22?= <eve@bad.example>, =?utf-8?q?=22?= <ana@acorn.example>",
    "From: =?utf-8?q?ana=40acorn=2Eexample=00?=@bad.example",
    "From: =?utf-8?q?ana?=@acorn.example",
    "From: =?utf-8?q?ana=40acorn.example?=",
    "From: <=?utf-8?q?ana=40acorn=2Eexample?=>",
    "From: ana@=?utf-8?q?acorn=2Eexample?=",
    "From: =?utf-8?q?x=0AFrom:_ana=40acorn.example?= <eve@bad.example>",
    # Several addresses, groups, routes.
    "From: ana@acorn.example, eve@bad.example",
    "From: eve@bad.example, ana@acorn.example",
    "From: ana@acorn.example; eve@bad.example",
    "From: ana@acorn.example <eve@bad.example>",
    "From: <ana@acorn.example> <eve@bad.example>",
    "From: <eve@bad.example> <ana@acorn.example>",
    "From: <eve@bad.example> ana@acorn.example",
    "From: Acorn: ana@acorn.example;",
    "From: Acorn: ana@acorn.example, eve@bad.example;",
    "From: <@bad.example:ana@acorn.example>",
    "From: <@bad.example,@other.example:ana@acorn.example>",
    "From: ,ana@acorn.example",
    "From: ana@acorn.example,",
    # Names and comments that look like addresses: the address is the other one.
    'From: "ana@acorn.example" <eve@bad.example>',
    'From: "Ana <ana@acorn.example>" <eve@bad.example>',
    'From: "Ana \\"<ana@acorn.example>" <eve@bad.example>',
    "From: eve@bad.example (ana@acorn.example)",
    "From: (ana@acorn.example) eve@bad.example",
    "From: (<ana@acorn.example>,) <eve@bad.example>",
    "From: ana(x)@acorn.example",
    "From: ana@(bad.example)acorn.example",
    "From: ana@acorn.example(",
    "From: (\\) <ana@acorn.example>) <eve@bad.example>",
    # Two @, quoted local parts, blanks, brackets that do not end.
    "From: ana@acorn.example@bad.example",
    "From: eve@bad.example@acorn.example",
    'From: "ana@acorn.example"@bad.example',
    'From: "eve@bad.example "@acorn.example',
    'From: "ana"@acorn.example',
    'From: a."b".c@acorn.example',
    "From: ana @acorn.example",
    "From: ana@ acorn.example",
    "From: ana@acorn. example",
    "From: <ana@acorn.example",
    "From: ana@acorn.example>",
    "From: <<ana@acorn.example>>",
    "From: <ana@acorn.example> x",
    "From: <>",
    "From:",
    'From: "ana@acorn.example',
    "From: ana\\@acorn.example",
    # Domains that are others, or none.
    "From: ana@acorn.example.",
    "From: ana@.acorn.example",
    "From: ana@acorn..example",
    "From: ana@-acorn.example",
    "From: ana@acorn.example.bad.example",
    "From: ana@badacorn.example",
    "From: ana@[192.0.2.1]",
    "From: ana@аcorn.example",  # Cyrillic
    "From: ana@ａcorn.example",  # of full width
    "From: ana@acorn\u3002example",  # an ideographic full stop
    "From: ana@acorn\u2024example",
    "From: ana@acorn.exa\u00admple",
    "From: ana@acorn.example\u200b",
    "From: .ana@acorn.example",
    "From: ana..x@acorn.example",
    # Characters that end a line for one program and not for another.
    "From: ana@acorn.example\x00@bad.example",
    "From: ana@acorn.example\x00",
    "From: ana@acorn.example\x0b<eve@bad.example>",
    "From: ana@acorn.example\x85 <eve@bad.example>",
    "From: ana@acorn.example\u2028<eve@bad.example>",
    "From: ana@acorn.example\r <eve@bad.example>",
    b"From: ana@acorn.example\xff",
    # Folded, long, cut.
    "From: ana@acorn.example\r\n <eve@bad.example>",
    "From: ana@acorn.example,\r\n\teve@bad.example",
    "From: ana@acorn.\r\n example",
    "From: ana@acorn.example" + " " * 9_000 + "<eve@bad.example>",
    "From: " + "(" * 60_000,
    "From: " + "a:" * 30_000,
    "From: " + "<" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("line", SPOOFED, ids=range(len(SPOOFED)))
def test_nobody_is_taken_for_ana_nor_ana_answered(line: str | bytes) -> None:
    found = letter(line)
    for address in (found.author, found.sender):
        assert address is None or not is_sender(address, "acorn.example"), address
    assert found.author in (None, EVIL) or address_of(str(found.author))
    # Who is nobody in particular is held where a feed asks for senders, and never answered.
    if found.author is None:
        assert found.envelope["doubtful_sender"]
        assert found.envelope["no_reply"]


def test_a_letter_whose_small_one_is_of_ascii_makes_no_address() -> None:
    # The sign of the kelvin: in small letters it would be Kim's own address.
    assert not is_sender("\u212aim@acorn.example", "kim@acorn.example")
    assert is_sender("Kim@acorn.example", "kim@acorn.example")
    assert is_sender("\u00c9va@acorn.example", "\u00e9va@acorn.example")


@pytest.mark.parametrize(
    "lines",
    [
        (f"From: {ANA}", f"From: {EVIL}"),
        (f"From: {EVIL}", f"From: {ANA}"),
        (f"From: {ANA}", f"from: {EVIL}"),
        ("X: y", f"From : {EVIL}", f"From: {ANA}"),
    ],
)
def test_two_from_lines_are_doubtful(lines: tuple[str, ...]) -> None:
    assert "From line" in letter(*lines).envelope["doubtful_sender"]


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("From: ana@acorn.example", ANA),
        ("From: <ana@acorn.example>", ANA),
        ("From: Ana <ana@acorn.example>", ANA),
        ("From: Ana Á. [Acorn] <ana@acorn.example>", ANA),
        ('From: "Acorn, Ana" <ana@acorn.example>', ANA),
        ("From: =?utf-8?q?Ana_=C3=81corn=2C_Inc=2E?= <ana@acorn.example>", ANA),
        ("From: ana@acorn.example <ana@acorn.example>", ANA),
        ('From: "ana@acorn.example" <ana@acorn.example>', ANA),
        ("From: ana@acorn.example (Ana (of) Acorn)", ANA),
        ("From: Ana\r\n <ana@acorn.example>", ANA),
        ("From: Ana@ACORN.example", "Ana@ACORN.example"),
        ("From: ana+x=y@acorn.example", "ana+x=y@acorn.example"),
        ("From: josé@acorn.example", "josé@acorn.example"),
        ("From: ana@ácorn.example", "ana@xn--corn-4na.example"),
        ("FROM: \tana@acorn.example ", ANA),
    ],
)
def test_honest_senders_are_read(line: str, author: str) -> None:
    found = letter(line)
    assert found.author == found.sender == author
    assert "doubtful_sender" not in found.envelope


def test_an_answer_stays_within_the_domain() -> None:
    assert letter(f"From: {ANA}", "Reply-To: it@acorn.example").sender == "it@acorn.example"
    for other in (EVIL, "it@acorn.example, eve@bad.example", "=?utf-8?q?it=40acorn.example?="):
        assert letter(f"From: {ANA}", f"Reply-To: {other}").sender == ANA
    # Two who share a public suffix share nothing.
    assert letter("From: a@github.io", "Reply-To: b@github.io").sender == "a@github.io"


@pytest.mark.parametrize(
    ("own", "domain", "speaks"),
    [
        ("acorn.github.io", "acorn.github.io", True),
        ("acorn.github.io", "github.io", False),
        ("acorn.github.io", "evil.github.io", False),
        ("acorn.co.uk", "co.uk", False),
        ("acorn.co.uk", "mail.acorn.co.uk", True),
        ("mail.acorn.co.uk", "acorn.co.uk", True),
        ("a.acorn.co.uk", "b.acorn.co.uk", False),
        ("github.io", "github.io", False),
        ("acorn.example", "ACORN.example", True),
        ("acorn.example", "acorn.example.", False),
    ],
)
def test_a_public_suffix_speaks_for_nobody(own: str, domain: str, speaks: bool) -> None:
    assert speaks_for(Vouched(method="dkim", domain=domain), f"ana@{own}") is speaks


@pytest.mark.parametrize("sender", ["github.io", "*.github.io", "co.uk", "*.co.uk", "com", "*.com"])
def test_a_public_suffix_is_no_sender(sender: str) -> None:
    with pytest.raises(ConfigError, match="anybody"):
        Trust(senders=(sender,))
    assert Trust(senders=(f"ana@{sender.removeprefix('*.')}",))
    assert is_public_suffix(sender.removeprefix("*."))


@given(st.text(alphabet='ana@corn.exmpl<>()[],;:"\\ \t\r\n=?qb_é\x00', max_size=60))
def test_whatever_is_read_is_one_plain_address(text: str) -> None:
    try:
        found = addresses_in(text)
    except AddressError:
        return
    for each in found:
        assert address_of(str(each)) == each
        assert text.count("@") >= len(found)
