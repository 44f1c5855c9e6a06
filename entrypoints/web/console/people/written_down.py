"""What is done to people and by them about themselves, written down as acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.conf import settings
from django.contrib.auth.models import Group
from django.http import HttpRequest

from entrypoints.web.console.people.models import Access, Person
from entrypoints.web.context import WebContext
from entrypoints.web.requests import request_id
from pipelines.operations.acts import acting
from schemas.act import Actor

_OF_THEMSELVES = {
    "change_password": password_changed,
    "set_password": password_set,
    "reset_password": password_reset,
    "add_second_factor": authenticator_added,
    "remove_second_factor": authenticator_removed,
}


def actor_of(request: HttpRequest, name: str) -> Actor:
    """Somebody who acts through a request."""
    origin = request.META.get("REMOTE_ADDR") or None
    return Actor(who=name, via="console", origin=origin, request_id=request_id())


def write_down(
    request: HttpRequest,
    action: str,
    who: str,
    subject: Person | Group,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Add an act about a person or a group: how they were (`facts_of`) and are now. What admins
    change about others is so written down within the transaction of the change, which is not made
    without the act; what people change about how they themselves sign in, right after it."""
    context: WebContext = settings.WAYBILL
    runtime = replace(context.runtime, actor=actor_of(request, who))
    kind = "person" if isinstance(subject, Person) else "group"
    with acting(runtime, action, kind, _name_of(subject)) as told:
        told.before = dict(before or {})
        told.after = {} if action == "delete" else facts_of(subject)


def facts_of(subject: Person | Group) -> dict[str, Any]:
    """How a person or a group is now; nothing of one who is not there yet."""
    if subject.pk is None:
        return {}
    if isinstance(subject, Person):
        factors = Authenticator.objects.filter(user=subject).order_by("type")
        return {
            "name": subject.get_username(),
            "email": subject.email,
            "is_active": subject.is_active,
            "groups": sorted(group.name for group in subject.groups.all()),
            "has_password": subject.has_usable_password(),
            "has_single_sign_on": SocialAccount.objects.filter(user=subject).exists(),
            "second_factors": [str(each.type) for each in factors],
        }
    access = Access.objects.filter(group=subject).first()
    if access is None:
        return {"name": subject.name}
    return {"name": subject.name, "role": access.role, "feeds": access.feeds.split()}


def connect() -> None:
    """Write down what people change about how they sign in."""
    for action, signal in _OF_THEMSELVES.items():
        signal.connect(_receiver(action), weak=False, dispatch_uid=f"waybill.{action}")
    social_account_added.connect(_joined, dispatch_uid="waybill.join_single_sign_on")
    social_account_removed.connect(_left, dispatch_uid="waybill.leave_single_sign_on")


def _joined(request: HttpRequest, sociallogin: Any, **_: object) -> None:
    person: Person = sociallogin.user
    before = {**facts_of(person), "has_single_sign_on": False}
    write_down(request, "join_single_sign_on", person.get_username(), person, before)


def _left(request: HttpRequest, socialaccount: Any, **_: object) -> None:
    person: Person = socialaccount.user
    before = {**facts_of(person), "has_single_sign_on": True}
    write_down(request, "leave_single_sign_on", person.get_username(), person, before)


def _receiver(action: str) -> Any:
    def received(request: HttpRequest, user: Person, **more: Any) -> None:
        before = _before(action, facts_of(user), more.get("authenticator"))
        write_down(request, action, user.get_username(), user, before)

    return received


def _before(action: str, now: Mapping[str, Any], factor: Any) -> dict[str, Any]:
    """How somebody was before they changed how they sign in: it is told once it is done."""
    if action == "set_password":
        return {**now, "has_password": False}
    factors = list(now["second_factors"])
    if action == "add_second_factor" and factor.type in factors:
        factors.remove(factor.type)
    elif action == "remove_second_factor":
        factors.append(factor.type)
    return {**now, "second_factors": sorted(factors)}


def _name_of(subject: Person | Group) -> str:
    return subject.get_username() if isinstance(subject, Person) else subject.name
