"""A second factor that a role must have: who has none sets one up before anything else."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from entrypoints.web.console.middleware import Handler
from entrypoints.web.context import WebContext
from schemas.receipt_link import PATH

_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_OPEN = ("/account/2fa/", "/account/reauthenticate/", "/account/logout/", "/language", PATH)
"""Pages that people need to set one up or to leave, and those that need nobody to sign in."""


class SecondFactor:
    """A middleware: leads people whose role must have a second factor to the page on which they set
    it up, and nowhere else, until they have."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or lead them there; a part of a page leads the whole page there."""
        person: Any = request.user
        if not person.is_authenticated or not lacks_second_factor(person):
            return self._get_response(request)
        if request.path.startswith(_OPEN):
            request.must_set_up_factor = True  # type: ignore[attr-defined]
            return self._get_response(request)
        page = reverse("mfa_index")
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=403, headers={"HX-Redirect": page})
        return redirect(page)


def lacks_second_factor(person: Any) -> bool:
    """Whether somebody's role must have a second factor, and they have none. Who has no password
    here has theirs at the provider by which they sign in."""
    context: WebContext = settings.WAYBILL
    least = context.settings.web.require_second_factor
    if least is None or not person.has_usable_password():
        return False
    if not any(grant.role.may(least) for grant in person.grants):
        return False
    return not Authenticator.objects.filter(user=person, type__in=_FACTORS).exists()
