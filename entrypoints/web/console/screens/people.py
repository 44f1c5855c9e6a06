"""People, keys and acts: who may do what, and who did what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller, NotThereError
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import CSV_ROWS, csv_answer, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from entrypoints.web.console.people.models import Access, Person
from entrypoints.web.console.people.written_down import write_down
from pipelines.operations.acts import list_acts
from pipelines.operations.keys import create_key, list_keys, revoke_key
from schemas.act import Act
from schemas.errors import ConflictError
from schemas.key import Role
from schemas.language import printable

_ACTS = 100
_MAX_PEOPLE = 1000
_MAX_DAYS = 3650


@screen(Role.ADMIN)
def people(request: HttpRequest, caller: Caller) -> HttpResponse:
    """People with their groups and second factors."""
    require(caller, Role.ADMIN, None)
    query = query_of(request, "q")
    found = Person.objects.prefetch_related("groups__access", "authenticator_set")
    found = found.filter(username__istartswith=query.get("q", "")).order_by("username")
    return show(
        request,
        caller,
        "people.html",
        here="people",
        query=query,
        people=found[:_MAX_PEOPLE],
        groups=Access.objects.select_related("group").order_by("group__name"),
    )


@screen(Role.ADMIN, "POST")
def forget_second_factor(request: HttpRequest, caller: Caller, person_id: int) -> HttpResponse:
    """Let somebody who has lost their app or passkey sign in without one."""
    require(caller, Role.ADMIN, None)
    with transaction.atomic():
        person = Person.objects.filter(pk=person_id).first()
        if person is None:
            raise NotThereError
        gone, _ = Authenticator.objects.filter(user=person).delete()
        if gone:
            who = caller.runtime.actor.who
            write_down(request, "remove_second_factor", who, person)
    name = printable(person.get_username())
    say_done(request, say("{name} signs in without a second factor now.", name=name))
    return redirect("people")


@screen(Role.ADMIN)
def keys(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Keys of programs, with their last use."""
    require(caller, Role.ADMIN, None)
    return _keys(request, caller)


@screen(Role.ADMIN, "POST")
def make_key(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Make a key; its token is on this one page, and never again."""
    require(caller, Role.ADMIN, None)
    asked = request.POST
    role, days = asked.get("role", ""), asked.get("days", "")
    if role not in list(Role) or (days and not (days.isdecimal() and 0 < int(days) <= _MAX_DAYS)):
        raise ConflictError("a key needs a role, and at most 3,650 days", hint=None)
    expires = caller.runtime.now() + timedelta(days=int(days)) if days else None
    feeds = asked.get("feeds", "").split()
    made = create_key(caller.runtime, asked.get("name", ""), Role(role), feeds, expires)
    return _keys(request, caller, token=made.token)


@screen(Role.ADMIN, "POST")
def revoke(request: HttpRequest, caller: Caller, key_id: str) -> HttpResponse:
    """Let nobody in by a key any more."""
    require(caller, Role.ADMIN, None)
    revoke_key(caller.runtime, key_id)
    say_done(request, say("The key lets nobody in any more."))
    return redirect("keys")


@screen(Role.ADMIN)
def acts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Who did what, newest first; an admin sees what was done about their own feeds."""
    query = query_of(request, "q")
    found = list_acts(
        caller.runtime,
        feeds=_admin_of(caller),
        subject=query.get("q"),
        before=_number(query.get("cursor")),
        limit=_ACTS,
    )
    further = str(found[-1].number) if len(found) == _ACTS else None
    return show(request, caller, "acts.html", here="people", query=query, acts=found, next=further)


@screen(Role.ADMIN)
def acts_csv(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The acts as CSV."""
    header = ("number", "at (UTC)", "who", "via", "from", "action", "phase", "on", "feed", "hash")
    found = _all_acts(caller, query_of(request, "q").get("q"))
    return csv_answer(
        "acts",
        header,
        (
            (each.number, each.at, each.actor.who, each.actor.via, each.actor.origin, each.action,
             each.phase, f"{each.subject_kind} {each.subject}", each.feed, each.hash)
            for each in found
        ),
    )  # fmt: skip


def _keys(request: HttpRequest, caller: Caller, token: str | None = None) -> HttpResponse:
    found = list_keys(caller.runtime)[::-1]
    now = caller.runtime.now()
    rows = [(each, each.is_valid(now)) for each in found]
    return show(
        request, caller, "keys.html", here="people", keys=rows, token=token, roles=list(Role)
    )


def _all_acts(caller: Caller, subject: str | None) -> Iterator[Act]:
    before, left = None, CSV_ROWS
    while left > 0:
        page: Sequence[Act] = list_acts(
            caller.runtime, feeds=_admin_of(caller), subject=subject, before=before, limit=1000
        )
        yield from page
        left -= len(page)
        if len(page) < 1000:
            return
        before = page[-1].number


def _admin_of(caller: Caller) -> list[str] | None:
    return None if caller.may(Role.ADMIN, None) else caller.feeds_where(Role.ADMIN)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise ConflictError("the address names no page of this list", hint=None)
    return int(text)


PATHS = [
    path("people", people, name="people"),
    path("people/<int:person_id>/forget-second-factor", forget_second_factor,
         name="forget_second_factor"),
    path("people/keys", keys, name="keys"),
    path("people/keys/new", make_key, name="make_key"),
    path("people/keys/<str:key_id>/revoke", revoke, name="revoke_key"),
    path("people/acts", acts, name="acts"),
    path("people/acts.csv", acts_csv, name="acts_csv"),
]  # fmt: skip
