"""The addresses of the console."""

from __future__ import annotations

from importlib import import_module

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, include, path
from django.views.i18n import set_language

from entrypoints.web.console import failures
from entrypoints.web.console.people.single_sign_on import to_provider
from entrypoints.web.console.people.site import people_site
from entrypoints.web.console.screens import link

SCREENS = (
    "my_files", "file", "fix", "send", "feeds", "calendar", "drift", "decide", "alerts", "row",
    "senders", "trusted", "service", "people", "keys", "me",
)  # fmt: skip
"""The modules in `screens/`, each with its `PATHS`."""


def screens() -> list[URLPattern]:
    """The addresses of all screens."""
    found: list[URLPattern] = []
    for name in SCREENS:
        found += import_module(f"entrypoints.web.console.screens.{name}").PATHS
    return found


def nothing(request: HttpRequest, **_: str) -> HttpResponse:
    """What is not ours is not there. Raises Http404."""
    raise Http404


_NOT_OURS = (
    "signup/", "email/", "confirm-email/", "confirm-email/<str:key>/", "password/set/",
    "login/code/confirm/", "reauthenticate/code/", "reauthenticate/code/confirm/",
    "3rdparty/signup/",
)  # fmt: skip
"""Pages of allauth by which people would add themselves, or change the address that an admin has
given them, or a password to an account of single sign-on."""

urlpatterns = [
    *screens(),
    *link.PATHS,
    path("language", set_language, name="set_language"),
    *(path(f"account/{each}", nothing) for each in _NOT_OURS),
    path("account/oidc/<str:provider_id>/login/", to_provider),
    path("account/", include("allauth.urls")),
    path("people/admin/", people_site.urls),
]

handler400 = failures.bad_request
handler403 = failures.forbidden
handler404 = failures.not_found
handler500 = failures.broken
