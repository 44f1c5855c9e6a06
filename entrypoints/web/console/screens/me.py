"""Me: who is signed in, what they may do, and the pages to change how they sign in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from entrypoints.web.caller import Caller
from entrypoints.web.console.pages import screen, show
from schemas.key import Role


@screen(Role.VIEWER)
def me(request: HttpRequest, caller: Caller) -> HttpResponse:
    """One's own page."""
    return show(request, caller, "me.html", here="me")


PATHS = [path("me", me, name="me")]
