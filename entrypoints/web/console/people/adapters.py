"""What we decide where allauth asks: nobody signs up by themselves, and who comes by single sign-on
is in the groups that the provider names."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib.auth.models import Group
from django.http import HttpRequest

from entrypoints.config.web import Oidc
from entrypoints.web.context import WebContext


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Local accounts: an admin makes them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

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


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """A second factor."""

    def _get_site_name(self) -> str:
        return "Waybill"


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Single sign-on."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Only where the provider says who is in which group."""
        oidc = _oidc()
        return oidc is not None and oidc.groups_claim is not None

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Put somebody who is known into the groups that the provider names."""
        if sociallogin.is_existing:
            put_into_groups(sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Write down somebody new, in their groups."""
        person = super().save_user(request, sociallogin, form)
        put_into_groups(sociallogin)
        return person


def put_into_groups(sociallogin: Any) -> None:
    """Let a person be in those of our groups that the provider names, and in no others."""
    oidc = _oidc()
    if oidc is None or oidc.groups_claim is None:
        return
    facts = sociallogin.account.extra_data
    facts = {**facts, **facts.get("userinfo", {}), **facts.get("id_token", {})}
    named = facts.get(oidc.groups_claim) or []
    names = [named] if isinstance(named, str) else [str(each) for each in named]
    sociallogin.user.groups.set(Group.objects.filter(name__in=names))
    # What was asked before is not so any more.
    sociallogin.user.__dict__.pop("grants", None)


def _oidc() -> Oidc | None:
    context: WebContext = settings.WAYBILL
    return context.settings.web.oidc
