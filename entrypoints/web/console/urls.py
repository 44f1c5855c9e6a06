"""The addresses of the console."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, include, path
from django.views.i18n import set_language

from entrypoints.web.console import failures
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


urlpatterns = [
    *screens(),
    *link.PATHS,
    path("language", set_language, name="set_language"),
    path("account/", include("allauth.urls")),
    path("people/admin/", people_site.urls),
]

handler400 = failures.bad_request
handler403 = failures.forbidden
handler404 = failures.not_found
handler500 = failures.broken
