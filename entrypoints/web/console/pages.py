"""Pages: who may open one, and how it is shown.

A screen is a module in `screens/`: views made by `screen`, and `PATHS`, which `urls` takes. Its
page is a template of the same name, which extends `base.html`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader
from django.template.backends.jinja2 import Template
from django.views.decorators.http import require_http_methods

from entrypoints.web.caller import Caller
from entrypoints.web.console.navigation import places
from entrypoints.web.console.people.models import Person
from entrypoints.web.console.people.written_down import actor_of
from entrypoints.web.context import WebContext
from schemas.key import Role

type View = Callable[..., HttpResponseBase]

SCREENS: dict[str, Role] = {}
"""Every view of a screen by its name, and the role that it needs."""


def screen(role: Role, *methods: str) -> Callable[[View], View]:
    """A view that gets the request and the caller, for people who have that role for some feed at
    least; others are asked to sign in, or refused. Without `methods` it is only read.

    The view itself must make sure that they have it for the feed in question (`require`).
    """

    def made(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.headers.get("HX-Request") == "true":
                    # A part of a page would show the page to sign in where its part was.
                    return HttpResponse(status=401, headers={"HX-Refresh": "true"})
                return redirect_to_login(request.get_full_path())
            caller = caller_of(request)
            if not caller.may_somewhere(role):
                raise PermissionDenied
            return view(request, caller, *args, **kwargs)

        SCREENS[f"{view.__module__.rpartition('.')[2]}.{view.__name__}"] = role
        return cast(View, require_http_methods(methods or ["GET", "HEAD"])(opened))

    return made


def caller_of(request: HttpRequest) -> Caller:
    """Whoever is signed in, as a caller of operations."""
    person = cast(Person, request.user)
    context: WebContext = settings.WAYBILL
    actor = actor_of(request, person.get_username())
    return Caller(person.grants, context, replace(context.runtime, actor=actor))


def require(caller: Caller, role: Role, feed: str | None) -> None:
    """Refuse who has not that role for that feed."""
    if not caller.may(role, feed):
        raise PermissionDenied


def show(
    request: HttpRequest, caller: Caller, template: str, *, status: int = 200, **facts: Any
) -> HttpResponse:
    """A page; or a part of one (a template in `parts/`, which the page includes) for htmx to put in
    its place."""
    return HttpResponse(
        _template(template).render(_facts(request, caller, facts), request), status=status
    )


def render(
    request: HttpRequest, template: str, facts: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page for somebody who is not signed in."""
    return HttpResponse(_template(template).render(facts, request), status=status)


def say_done(request: HttpRequest, sentence: str) -> None:
    """Let the next page begin with a sentence about what was done."""
    messages.success(request, str(sentence))


def say_failed(request: HttpRequest, sentence: str) -> None:
    """Let the next page begin with a sentence about what could not be done."""
    messages.error(request, str(sentence))


def _facts(request: HttpRequest, caller: Caller, facts: dict[str, object]) -> dict[str, object]:
    said = messages.get_messages(request)
    return {"caller": caller, "Role": Role, "places": places(caller), "messages": said, **facts}


def _template(name: str) -> Template:
    found = loader.get_template(name, using="jinja2")
    assert isinstance(found, Template)
    return found
