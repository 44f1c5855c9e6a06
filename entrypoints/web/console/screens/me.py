"""Me: who is signed in, what they may do, and the pages to change how they sign in."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.pages import screen, show
from entrypoints.web.console.people.models import Person
from schemas.key import Role


@screen(Role.VIEWER)
def me(request: HttpRequest, caller: Caller) -> HttpResponse:
    """One's own page."""
    return show(
        request,
        caller,
        "me.html",
        here="me",
        has_password=cast(Person, request.user).has_usable_password(),
        has_provider=caller.context.settings.web.oidc is not None,
    )


PATHS = [path("me", me, name="me")]
