"""Decide: files that wait for somebody to let them in, and what no feed takes."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.fates import fate_of
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import csv_answer, later_than, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from pipelines.operations.file_search import search_files
from pipelines.operations.holds import HeldFile, held_files, release
from pipelines.operations.trusted_senders import sender_to_trust
from pipelines.operations.unmatched import decide as put_away
from pipelines.operations.unmatched import listed
from pipelines.prepare.trust import author_of
from schemas.file_query import FileQuery
from schemas.key import Role
from schemas.unmatched import Unmatched

_SHOWN = 20


@screen(Role.VIEWER)
def decide(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What waits for a decision."""
    query = query_of(request, "q", "show")
    held, further = later_than(_held(caller, query), query, _SHOWN, _id_of)
    # What no feed takes is together in groups, of which there are few: they are on the first page.
    unmatched = [] if "cursor" in query else _unmatched(caller, query)
    return show(
        request,
        caller,
        "decide.html",
        here="decide",
        query=query,
        held=[(each, _history(caller, each), *_sender(caller, each)) for each in held],
        require={
            name: feed.trust.require
            for name, feed in caller.runtime.feeds.items()
            if feed.trust is not None
        },
        next=further,
        unmatched=unmatched,
        choices=[("", say("Waiting")), ("all", say("Also what was decided"))],
    )


@screen(Role.VIEWER)
def decide_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The held files as CSV."""
    header = ("file", "feed", "sender", "why", "held (UTC)", "let in (UTC)", "by", "id")
    return csv_answer(
        "held",
        header,
        (
            (each.file.item.name, each.hold.feed, each.file.item.sender, each.hold.reason,
             each.hold.held_at, each.hold.released_at, each.hold.released_by, each.hold.file_id)
            for each in _held(caller, query_of(request, "q", "show"))
        ),
    )  # fmt: skip


@screen(Role.STEWARD, "POST")
def let_in(request: HttpRequest, caller: Caller, file_id: str) -> HttpResponse:
    """Let a file in, this once."""
    found = caller.file(file_id)
    require(caller, Role.STEWARD, found.feed)
    release(caller.runtime, found, caller.runtime.actor.who)
    say_done(request, say("{name} is let in, and is checked now.", name=found.item.name))
    return redirect("decide")


@screen(Role.STEWARD, "POST")
def dismiss(request: HttpRequest, caller: Caller, group_id: str) -> HttpResponse:
    """Put away what no feed takes, or take it back."""
    group = _group(caller, group_id)
    require(caller, Role.STEWARD, group.feed)
    undo = request.POST.get("undo") == "yes"
    put_away(caller.runtime, [group_id], None if undo else caller.runtime.actor.who)
    say_done(request, say("It waits again.") if undo else say("It is put away."))
    return redirect("decide")


def _held(caller: Caller, query: dict[str, str]) -> list[HeldFile]:
    found = held_files(caller.runtime, over=query.get("show") == "all")
    text = query.get("q", "").casefold()
    return [
        each
        for each in found
        if caller.sees(each.hold.feed)
        and text in f"{each.file.item.name} {each.file.item.sender} {each.hold.feed}".casefold()
    ]


def _id_of(held: HeldFile) -> str:
    return held.hold.file_id


def _unmatched(caller: Caller, query: dict[str, str]) -> list[Unmatched]:
    kinds = (False, True) if query.get("show") == "all" else (False,)
    found = [each for kind in kinds for each in listed(caller.runtime, dismissed=kind)]
    text = query.get("q", "").casefold()
    return [
        each
        for each in found
        if caller.sees(each.feed)
        and text in f"{each.source} {each.sender} {[one.name for one in each.items]}".casefold()
    ]


def _group(caller: Caller, group_id: str) -> Unmatched:
    for each in _unmatched(caller, {"show": "all"}):
        if each.group_id == group_id:
            return each
    raise NotThereError


def _sender(caller: Caller, held: HeldFile) -> tuple[str | None, str | None]:
    """Who sent a held file; and the same if the caller may trust them now, so that it helps."""
    author, feed = author_of(held.file), held.hold.feed
    if held.hold.released_at is not None or not caller.may(Role.STEWARD, feed):
        return author, None
    return author, sender_to_trust(caller.runtime, held.file)


def _history(caller: Caller, held: HeldFile) -> Sequence[object]:
    """What became of the latest files of the same sender, as far as the caller may see them."""
    sender = held.file.item.sender
    if sender is None:
        return ()
    page = search_files(caller.runtime, FileQuery(sender=sender), caller.only_feeds, None, 4)
    others = [each for each in page.files if each.file_id != held.file.file_id][:3]
    return [(each, fate_of(caller.mask(each.feed).file(each))) for each in others]


PATHS = [
    path("decide", decide, name="decide"),
    path("decide.csv", decide_csv, name="decide_csv"),
    path("files/<str:file_id>/let-in", let_in, name="let_in"),
    path("unmatched/<str:group_id>/dismiss", dismiss, name="dismiss"),
]
