"""Single sign-on: what a provider may tell us of somebody, and what follows from it."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect import views
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.http import require_http_methods
from requests import RequestException

from entrypoints.config.web import Oidc
from entrypoints.web.console.failures import failure
from entrypoints.web.console.language import say
from entrypoints.web.console.people.models import Person
from entrypoints.web.console.people.written_down import facts_of, write_down
from entrypoints.web.context import WebContext

log = logging.getLogger(__name__)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """People who come from a provider. It is asked who they are by its own name for them (`sub`),
    which never changes; an address only leads to a person of ours who has none yet."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Only where the provider says who is in which group."""
        oidc = _oidc()
        return oidc is not None and oidc.groups_claim is not None

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Find out whom of our people the provider means, and which groups they are in now. Raises
        ImmediateHttpResponse with a page if they are nobody of ours."""
        _check_answer(request, sociallogin)
        if sociallogin.state.get("process") == "connect":
            return
        _check_groups(request, sociallogin)
        address = _verified_address(sociallogin)
        if not sociallogin.is_existing and address is not None:
            person = _known(request, address)
            if person is not None:
                sociallogin.connect(request, person)
        if sociallogin.is_existing:
            put_into_groups(request, sociallogin)
        elif not self.is_open_for_signup(request, sociallogin):
            raise _refused(request, *_why_unknown(sociallogin, address))
        else:
            told = sociallogin.user
            # The names in the order in which they say something; one that is taken gets a number.
            names = [told.username, told.email, told.first_name, told.last_name, "person"]
            told.username = get_adapter().generate_unique_username(names)
            # An address that nobody has verified would lead its true owner to this account.
            told.email = address or ""
            sociallogin.email_addresses = []

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Write down somebody new, in their groups."""
        with transaction.atomic():
            person = super().save_user(request, sociallogin, form)
            # A person has the one address that admins see and change.
            EmailAddress.objects.filter(user=person).delete()
            put_into_groups(request, sociallogin, action="sign_up")
        return person


def put_into_groups(request: HttpRequest, sociallogin: Any, action: str = "change_groups") -> None:
    """Let a person be in those of our groups that the provider names, and in no others."""
    person, names = sociallogin.user, _groups_named(sociallogin)
    if names is None:
        return
    with transaction.atomic():
        before = {} if action == "sign_up" else facts_of(person)
        person.groups.set(Group.objects.filter(name__in=names))
        # What was asked before is not so any more.
        person.__dict__.pop("grants", None)
        if before != facts_of(person):
            write_down(request, action, person.get_username(), person, before)


@require_http_methods(["GET", "POST"])
def to_provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send somebody to the provider, once they have pressed a button of ours. By a page and not by
    an answer to the form: browsers let a form lead to our own site only, on all of its way."""
    try:
        answer = views.login(request, provider_id)
    except (RequestException, ValueError, KeyError) as error:
        log.error("single sign-on: the provider does not answer: %s", error)
        return failure(request, 503, say("The provider of single sign-on does not answer now."))
    if answer.status_code != 302:
        return HttpResponse(answer.content, status=answer.status_code)
    url = str(answer["Location"])
    [state] = parse_qs(urlsplit(url).query)["state"]
    url = f"{url}&{urlencode({'nonce': _nonce(state)})}"
    return render(request, "to_provider.html", {"address": url}, using="jinja2")


def _check_answer(request: HttpRequest, sociallogin: Any) -> None:
    """Refuse an answer that was not given to this very question, or is about two people."""
    facts = sociallogin.account.extra_data
    token, asked = facts.get("id_token") or {}, _nonce(request.GET.get("state", ""))
    subjects = {token.get("sub"), facts.get("userinfo", token).get("sub")}
    is_ours = constant_time_compare(str(token.get("nonce", "")), asked)
    if is_ours and len(subjects) == 1:
        return
    log.error("single sign-on: the provider's answer belongs to another sign-in")
    raise _refused(
        request,
        say("The provider's answer does not belong to this sign-in."),
        say("Begin again at the page to sign in."),
    )


def _check_groups(request: HttpRequest, sociallogin: Any) -> None:
    """Refuse an answer whose groups nobody can read: nothing is known of what they may do."""
    try:
        _groups_named(sociallogin)
    except ValueError as error:
        log.error("single sign-on: %s", error)
        raise _refused(
            request,
            say("What the provider says about your groups cannot be read."),
            say("Ask an admin: the provider must hand on the names of groups as a list of texts."),
        ) from error


def _groups_named(sociallogin: Any) -> set[str] | None:
    """The groups that the provider names: a list of them, or a single one; none where it says
    nothing. None if it is not asked for them. Raises ValueError if it says something else."""
    oidc = _oidc()
    if oidc is None or oidc.groups_claim is None:
        return None
    facts = sociallogin.account.extra_data
    facts = {**facts, **facts.get("userinfo", {}), **facts.get("id_token", {})}
    match facts.get(oidc.groups_claim):
        case None:
            return set()
        case str() as name:
            return {name}
        case list() as named if all(type(each) in (str, int) for each in named):
            return {str(each) for each in named}
        case other:
            kind = type(other).__name__
            raise ValueError(f"the claim {oidc.groups_claim} is no list of names ({kind})")


def _nonce(state: str) -> str:
    """What the provider's token must repeat: follows from the state, which is of one session and
    good for one answer."""
    return salted_hmac("waybill.oidc", state, algorithm="sha256").hexdigest()


def _verified_address(sociallogin: Any) -> str | None:
    for each in sociallogin.email_addresses:
        if each.verified:
            return str(each.email).lower()
    return None


def _known(request: HttpRequest, address: str) -> Person | None:
    """The person whom an admin has added with that address, and who has not come from the provider
    before: addresses are given to somebody else in time."""
    found = list(Person.objects.filter(email=address)[:2])
    if not found:
        return None
    if len(found) == 1 and not SocialAccount.objects.filter(user=found[0]).exists():
        return found[0]
    raise _refused(
        request,
        say("Somebody else here has the address {address} already.", address=address),
        say("An admin can change the address of that person, or remove them."),
    )


def _why_unknown(sociallogin: Any, address: str | None) -> tuple[str, str]:
    if address is not None:
        return (
            say("Nobody here has the address {address}.", address=address),
            say("An admin adds you with this address. Then sign in again."),
        )
    if sociallogin.email_addresses:
        return (
            say("The provider does not say that your address is verified."),
            say("Verify it there, or ask an admin. Then sign in again."),
        )
    return (
        say("The provider does not say which address you have."),
        say("Ask an admin: the provider must hand on the address of its people."),
    )


def _refused(request: HttpRequest, what: str, hint: str) -> ImmediateHttpResponse:
    return ImmediateHttpResponse(failure(request, 403, what, hint))


def _oidc() -> Oidc | None:
    context: WebContext = settings.WAYBILL
    return context.settings.web.oidc
