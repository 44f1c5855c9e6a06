"""The addresses of the console."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from entrypoints.web.console import failures
from entrypoints.web.console.people.site import people_site

SCREENS = ("my_files", "me")
"""The modules in `screens/`, each with its `PATHS`."""


def _paths() -> list[URLPattern | URLResolver]:
    found: list[URLPattern | URLResolver] = []
    for name in SCREENS:
        found += import_module(f"entrypoints.web.console.screens.{name}").PATHS
    return found


urlpatterns = [
    *_paths(),
    path("language", set_language, name="set_language"),
    path("account/", include("allauth.urls")),
    path("people/admin/", people_site.urls),
]

handler400 = failures.bad_request
handler403 = failures.forbidden
handler404 = failures.not_found
handler500 = failures.broken
