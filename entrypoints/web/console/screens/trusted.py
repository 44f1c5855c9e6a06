"""Trusted senders: whom somebody trusts for which feed; one sender's page, on which that is said
and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import urlencode

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import CSV_ROWS, PAGE, csv_answer, mark_in, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.marks import cursor_of
from pipelines.operations.senders import sender_counts
from pipelines.operations.trusted_senders import (
    distrust_sender,
    list_trusted,
    trust_sender,
    trust_sender_of,
    trusted_for,
)
from pipelines.prepare.trust import is_sender
from schemas.address import address_of
from schemas.errors import ConflictError
from schemas.key import Role
from schemas.sender import KEPT_ADDRESS
from schemas.trust import TrustedSender

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands with a feed: trusted by somebody, named by the feed itself, or
    neither. `require` is what must speak for it in a mail."""

    feed: str
    require: tuple[str, ...]
    trusted: TrustedSender | None
    is_named: bool


@screen(Role.VIEWER)
def sender(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """One sender: what they sent to which feed, and which feeds trust them."""
    address = request.GET.get("address", "")[:KEPT_ADDRESS]
    now = caller.runtime.now()
    counts = sender_counts(caller.runtime, address, caller.only_feeds)
    standings = _standings(caller, address)
    return show(
        request,
        caller,
        "sender.html",
        here="senders",
        address=address,
        counts=[(each, each.late(now)) for each in counts],
        standings=[each for each in standings if each.trusted or each.is_named],
        may_trust=[
            each
            for each in standings
            if not (each.trusted or each.is_named) and caller.may(Role.STEWARD, each.feed)
        ],
    )


@screen(Role.VIEWER)
def trusted(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Whom somebody trusts, by address."""
    query = query_of(request, "q", "feed")
    found = _found(caller, query, _after(query), PAGE + 1)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return show(
        request,
        caller,
        "trusted.html",
        here="senders",
        query=query,
        rows=found[:PAGE],
        feeds=caller.feeds,
        next=cursor_of([last.sender, last.feed] if last else None),
        searched=bool(query),
    )


@screen(Role.VIEWER)
def trusted_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV, from its beginning."""
    header = ("address", "feed", "since (UTC)", "by")
    return csv_answer("trusted-senders", header, _lines(caller, query_of(request, "q", "feed")))


@screen(Role.STEWARD, "POST")
def trust_file_sender(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponseBase:
    """Trust whoever sent a file that is held; the file itself waits on."""
    found = caller.file(file_id)
    require(caller, Role.STEWARD, found.feed)
    _say_trusted(request, trust_sender_of(caller.runtime, found))
    return redirect("decide")


@screen(Role.STEWARD, "POST")
def trust(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Trust an address for a feed from now on."""
    address, feed = _asked(request, caller)
    _say_trusted(request, trust_sender(caller.runtime, feed, address))
    return redirect(_page_of(address))


@screen(Role.STEWARD, "POST")
def distrust(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Trust an address for a feed no more."""
    address, feed = _asked(request, caller)
    distrust_sender(caller.runtime, feed, address)
    done = say("{address} is trusted for {feed} no more.", address=address, feed=feed)
    say_done(request, done)
    return redirect(_page_of(address))


def _asked(request: HttpRequest, caller: Caller) -> tuple[str, str]:
    """The address and the feed of a form; of a feed about which the caller may decide."""
    feed = caller.feed(request.POST.get("feed", ""))
    require(caller, Role.STEWARD, feed)
    return request.POST.get("address", "")[:KEPT_ADDRESS], feed


def _say_trusted(request: HttpRequest, trusted: TrustedSender) -> None:
    say_done(
        request,
        say(
            "{address} is trusted for {feed} from now on. What waits already still waits.",
            address=trusted.address,
            feed=trusted.feed,
        ),
    )


def _page_of(address: str) -> str:
    return f"{reverse('sender')}?{urlencode({'address': address})}"


def _standings(caller: Caller, address: str) -> list[Standing]:
    """How the address stands with each feed that asks who sends to it, as far as the caller sees
    them."""
    if address_of(address) is None:
        return []
    known = {each.feed: each for each in trusted_for(caller.runtime, address)}
    found = []
    for name in caller.feeds:
        rules = caller.runtime.feeds[name].trust
        if rules is not None and rules.senders:
            is_named = any(is_sender(address, each) for each in rules.senders)
            found.append(Standing(name, rules.require, known.get(name), is_named))
    return found


def _found(
    caller: Caller, query: dict[str, str], after: tuple[str, str] | None, limit: int
) -> Sequence[TrustedSender]:
    feeds = [caller.feed(query["feed"])] if "feed" in query else caller.only_feeds
    return list_trusted(caller.runtime, query.get("q"), feeds, after, limit)


def _after(query: dict[str, str]) -> tuple[str, str] | None:
    mark = mark_in(query)
    if mark is not None and len(mark) != 2:
        raise ConflictError("the address names no page of this list", hint=None)
    return (mark[0], mark[1]) if mark is not None else None


def _lines(caller: Caller, query: dict[str, str]) -> Iterator[tuple[object, ...]]:
    after, left = None, CSV_ROWS
    while left > 0 and (found := _found(caller, query, after, min(left, _CHUNK))):
        for each in found:
            yield each.address, each.feed, f"{each.trusted_at:%Y-%m-%d %H:%M:%S}", each.trusted_by
        after = (found[-1].sender, found[-1].feed)
        left -= len(found)


PATHS = [
    path("sender", sender, name="sender"),
    path("sender/trust", trust, name="trust_sender"),
    path("sender/distrust", distrust, name="distrust_sender"),
    path("senders/trusted", trusted, name="trusted"),
    path("senders/trusted.csv", trusted_csv, name="trusted_csv"),
    path("files/<str:file_id>/trust-sender", trust_file_sender, name="trust_file_sender"),
]
