"""What we decide where allauth asks about local accounts: nobody signs up by themselves, and who
has no password here signs in at the provider alone."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from entrypoints.web.console.failures import failure
from entrypoints.web.console.language import say
from entrypoints.web.console.people.models import Person
from entrypoints.web.context import WebContext

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Local accounts: an admin makes them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def pre_login(self, request: HttpRequest, user: Person, **kwargs: Any) -> HttpResponse | None:
        """Refuse whoever may not sign in, or not in this way: who has no password here would keep a
        passkey when the provider lets them in no more."""
        refused: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if refused is not None or user.has_usable_password():
            return refused
        ways = {each["method"] for each in get_authentication_records(request, user)}
        if "socialaccount" in ways:
            return None
        return failure(
            request,
            403,
            say("You sign in by single sign-on only."),
            say("Go back to the page to sign in, and choose it there."),
        )

    def send_password_reset_mail(self, user: Person, email: str, context: dict[str, Any]) -> None:
        """Send the link, if they have a password, and if we know our own address: a name that only
        the request says may lead anywhere."""
        if not user.has_usable_password():
            return
        if "*" in settings.ALLOWED_HOSTS:
            log.error("no link for a new password is sent: set `web.url`, which it begins with")
            return
        super().send_password_reset_mail(user, email, context)

    def format_email_subject(self, subject: str) -> str:
        """The subject of a mail of the console."""
        return f"Waybill: {subject}"

    def get_from_email(self) -> str:
        """Whom mails come from: the notifier says so."""
        return "waybill"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The address that a mail names: the one in our settings, whatever the request says."""
        found = str(super().get_reset_password_from_key_url(key))
        context: WebContext = settings.WAYBILL
        if context.settings.web.url is None:
            return found
        return f"{context.settings.web.url}{urlsplit(found).path}"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Tries are counted for a person, whatever name of ours the request says, and whether they
        give their own name or their address."""
        given = str(credentials.get("email") or credentials.get("username") or "").lower()
        name = Person.objects.filter(email=given).values_list("username", flat=True).first()
        return (name if given and name else given).lower()


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """A second factor."""

    def _get_site_name(self) -> str:
        return "Waybill"
