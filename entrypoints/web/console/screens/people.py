"""People and acts: who signs in and may do what, and who did what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import CSV_ROWS, PAGE, csv_answer, mark_in, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.console.people.models import Access, Person
from entrypoints.web.console.people.written_down import facts_of, write_down
from entrypoints.web.marks import cursor_of
from pipelines.operations.acts import list_acts
from schemas.act import Act
from schemas.errors import ConflictError
from schemas.key import Role
from schemas.language import printable

_ACTS = 100
_NOTHING = "–"
_PEOPLE_AT_ONCE = 1000


@screen(Role.ADMIN)
def people(request: HttpRequest, caller: Caller) -> HttpResponse:
    """People with their groups and second factors."""
    require(caller, Role.ADMIN, None)
    query = query_of(request, "q", "show")
    found = list(_people(query)[: PAGE + 1])
    further = found[PAGE - 1].username if len(found) > PAGE else None
    return show(
        request,
        caller,
        "people.html",
        here="people",
        query=query,
        people=found[:PAGE],
        next=cursor_of(None if further is None else [further, ""]),
        choices=[
            ("", say("All")),
            ("one", say("Without a second factor")),
            ("out", say("May not sign in")),
        ],
        groups=Access.objects.select_related("group").order_by("group__name"),
    )


@screen(Role.ADMIN, "POST")
def forget_second_factor(request: HttpRequest, caller: Caller, person_id: int) -> HttpResponse:
    """Let somebody who has lost their app or passkey sign in without one. One's own is removed on
    one's own page, which asks who is there: whoever finds a browser open must not."""
    require(caller, Role.ADMIN, None)
    if person_id == request.user.pk:
        raise ConflictError(
            "you cannot remove your own second factor here", hint="do it on your own page"
        )
    with transaction.atomic():
        person = Person.objects.filter(pk=person_id).first()
        if person is None:
            raise NotThereError
        before = facts_of(person)
        gone, _ = Authenticator.objects.filter(user=person).delete()
        if gone:
            who = caller.runtime.actor.who
            write_down(request, "remove_second_factor", who, person, before)
    name = printable(person.get_username())
    say_done(request, say("{name} signs in without a second factor now.", name=name))
    return redirect("people")


@screen(Role.ADMIN)
def people_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV."""
    require(caller, Role.ADMIN, None)
    query = query_of(request, "q", "show")
    header = ("person", "mail", "may sign in", "groups", "second factor", "last here (UTC)")
    return csv_answer("people", header, _people_lines(query))


@screen(Role.ADMIN)
def acts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Who did what, newest first; an admin sees what was done about their own feeds."""
    query = query_of(request, "q", "feed")
    found = list_acts(
        caller.runtime,
        feeds=_feeds_of(caller, query),
        subject=query.get("q"),
        before=_number(query.get("cursor")),
        limit=_ACTS,
    )
    further = str(found[-1].number) if len(found) == _ACTS else None
    return show(
        request,
        caller,
        "acts.html",
        here="people",
        query=query,
        acts=[(each, _changes(each)) for each in found],
        feeds=caller.feeds_where(Role.ADMIN),
        next=further,
    )


@screen(Role.ADMIN)
def acts_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The acts as CSV."""
    header = ("number", "at (UTC)", "who", "via", "from", "action", "phase", "on", "feed", "hash")
    query = query_of(request, "q", "feed")
    found = _all_acts(caller, query.get("q"), _feeds_of(caller, query))
    return csv_answer(
        "acts",
        header,
        (
            (each.number, each.at, each.actor.who, each.actor.via, each.actor.origin, each.action,
             each.phase, f"{each.subject_kind} {each.subject}", each.feed, each.hash)
            for each in found
        ),
    )  # fmt: skip


def _changes(act: Act) -> list[tuple[str, str | None, str]]:
    """What an act has changed, a fact each: how it was (None if that is not said), and is."""
    before, after = act.before or {}, act.after or {}
    return [
        (
            name,
            _told(before[name]) if name in before else None,
            _told(after[name]) if name in after else _NOTHING,
        )
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    ]


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_told, value)) or _NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(each)}" for name, each in value.items()) or _NOTHING
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    return _NOTHING if value is None else str(value)


def _people(query: dict[str, str]) -> QuerySet[Person]:
    """The people who are asked for, by name, after the one whom the mark names."""
    found = Person.objects.prefetch_related("groups__access", "authenticator_set")
    found = found.filter(username__istartswith=query.get("q", "")).order_by("username")
    if query.get("show") == "one":
        found = found.filter(authenticator__isnull=True, is_active=True)
    if query.get("show") == "out":
        found = found.filter(is_active=False)
    mark = mark_in(query)
    if mark is None:
        return found
    if not mark[0].isprintable():
        raise ConflictError("the address names no page of this list", hint=None)
    return found.filter(username__gt=mark[0])


def _people_lines(query: dict[str, str]) -> Iterator[tuple[object, ...]]:
    query, left = {name: text for name, text in query.items() if name != "cursor"}, CSV_ROWS
    while left > 0 and (page := list(_people(query)[: min(left, _PEOPLE_AT_ONCE)])):
        for each in page:
            groups = ", ".join(group.name for group in each.groups.all())
            # The factors are allauth's, known by their foreign key.
            has_two = bool(each.authenticator_set.all())  # type: ignore[attr-defined]
            seen = f"{each.last_login:%Y-%m-%d %H:%M:%S}" if each.last_login else None
            yield each.username, each.email, each.is_active, groups, has_two, seen
        query["cursor"] = cursor_of([page[-1].username, ""]) or ""
        left -= len(page)


def _all_acts(caller: Caller, subject: str | None, feeds: list[str] | None) -> Iterator[Act]:
    before, left = None, CSV_ROWS
    while left > 0:
        page: Sequence[Act] = list_acts(
            caller.runtime, feeds=feeds, subject=subject, before=before, limit=1000
        )
        yield from page
        left -= len(page)
        if len(page) < 1000:
            return
        before = page[-1].number


def _feeds_of(caller: Caller, query: dict[str, str]) -> list[str] | None:
    """The feeds of which acts are shown: the one asked for, else all that the caller may see."""
    if "feed" in query:
        feed = caller.feed(query["feed"])
        require(caller, Role.ADMIN, feed)
        return [feed]
    return None if caller.may(Role.ADMIN, None) else caller.feeds_where(Role.ADMIN)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise ConflictError("the address names no page of this list", hint=None)
    return int(text)


PATHS = [
    path("people", people, name="people"),
    path("people.csv", people_csv, name="people_csv"),
    path("people/<int:person_id>/forget-second-factor", forget_second_factor,
         name="forget_second_factor"),
    path("people/acts", acts, name="acts"),
    path("people/acts.csv", acts_csv, name="acts_csv"),
]  # fmt: skip
