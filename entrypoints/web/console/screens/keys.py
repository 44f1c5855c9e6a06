"""Keys: which programs are let in, made and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.language import say
from entrypoints.web.console.lists import PAGE, csv_answer, later_than, query_of
from entrypoints.web.console.pages import require, say_done, screen, show
from pipelines.operations.keys import create_key, list_keys, revoke_key
from schemas.errors import ConflictError
from schemas.key import Key, Role

_MAX_DAYS = 3650


@screen(Role.ADMIN)
def keys(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Keys of programs, with their last use, the newest first."""
    require(caller, Role.ADMIN, None)
    return _shown(request, caller)


@screen(Role.ADMIN)
def keys_csv(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The same as CSV; no secrets, for they are not known."""
    require(caller, Role.ADMIN, None)
    header = ("id", "name", "role", "feeds", "made (UTC)", "made by", "expires (UTC)",
              "revoked (UTC)", "revoked by", "last used (UTC)", "wrong secrets")  # fmt: skip
    rows = (
        (each.key_id, each.name, each.role, " ".join(each.feeds), each.created_at, each.created_by,
         each.expires_at, each.revoked_at, each.revoked_by, each.last_used_at, each.failures)
        for each in _found(caller, query_of(request, "q", "show"))
    )  # fmt: skip
    return csv_answer("keys", header, rows)


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
    return _shown(request, caller, token=made.token)


@screen(Role.ADMIN, "POST")
def revoke(request: HttpRequest, caller: Caller, key_id: str) -> HttpResponse:
    """Let nobody in by a key any more."""
    require(caller, Role.ADMIN, None)
    revoke_key(caller.runtime, key_id)
    say_done(request, say("The key lets nobody in any more."))
    return redirect("keys")


def _shown(request: HttpRequest, caller: Caller, token: str | None = None) -> HttpResponse:
    query = query_of(request, "q", "show")
    found, further = later_than(_found(caller, query), query, PAGE, lambda each: each.key_id)
    now = caller.runtime.now()
    return show(
        request,
        caller,
        "keys.html",
        here="people",
        query=query,
        keys=[(each, each.is_valid(now)) for each in found],
        next=further,
        searched=bool(query),
        token=token,
        roles=list(Role),
        choices=[
            ("", say("All")),
            ("valid", say("Valid")),
            ("over", say("Revoked or expired")),
        ],
    )


def _found(caller: Caller, query: dict[str, str]) -> Sequence[Key]:
    text, shown, now = query.get("q", "").casefold(), query.get("show"), caller.runtime.now()
    return [
        each
        for each in reversed(list_keys(caller.runtime))
        if text in f"{each.key_id} {each.name} {' '.join(each.feeds)}".casefold()
        and (shown not in ("valid", "over") or each.is_valid(now) is (shown == "valid"))
    ]


PATHS = [
    path("people/keys", keys, name="keys"),
    path("people/keys.csv", keys_csv, name="keys_csv"),
    path("people/keys/new", make_key, name="make_key"),
    path("people/keys/<str:key_id>/revoke", revoke, name="revoke_key"),
]
