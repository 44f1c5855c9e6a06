"""The models: a person, and what a group of them may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser, Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

from entrypoints.web.caller import Grant
from schemas.key import Role

_MAX_GLOBS = 1000


class Person(AbstractUser):
    """Somebody who signs in. What they may do is what their groups may: Django's own permissions
    count for nothing here."""

    class Meta:  # noqa: D106 -- Django's own
        verbose_name = "person"
        verbose_name_plural = "people"

    def clean(self) -> None:
        """Refuse an address that somebody else has: it says who comes by single sign-on. Addresses
        are kept in small letters, as they are looked for."""
        super().clean()
        self.email = self.email.lower()
        others = Person.objects.filter(email=self.email).exclude(pk=self.pk)
        if self.email and others.exists():
            raise ValidationError({"email": "Somebody else has this address."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the address in small letters."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        """The grants of all their groups, in a lasting order."""
        found = Access.objects.filter(group__in=self.groups.all()).order_by("group_id")
        return tuple(each.grant for each in found)

    def get_session_auth_hash(self) -> str:
        """What a session is bound to: it ends when the password changes, or a role does."""
        return self._bound(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> list[str]:
        """The same by earlier secret keys."""
        return [self._bound(each) for each in super().get_session_auth_fallback_hash()]

    def _bound(self, to: str) -> str:
        facts = [to, *(f"{grant.role}:{','.join(grant.feeds)}" for grant in self.grants)]
        return salted_hmac("waybill.session", "\n".join(facts), algorithm="sha256").hexdigest()


class Access(models.Model):
    """The role that a group has, and for which feeds."""

    group: models.OneToOneField[Group, Group] = models.OneToOneField(
        Group, on_delete=models.CASCADE, related_name="access"
    )
    role: models.CharField[str, str] = models.CharField(
        max_length=20, choices=[(str(role), str(role)) for role in Role]
    )
    feeds: models.CharField[str, str] = models.CharField(
        max_length=_MAX_GLOBS,
        default="*",
        help_text="Globs of feeds, separated by spaces: orders* payouts. * is every feed.",
    )

    class Meta:  # noqa: D106 -- Django's own
        verbose_name = "role"
        verbose_name_plural = "role"

    def __str__(self) -> str:
        return f"{self.role} of {self.feeds}"

    @property
    def grant(self) -> Grant:
        """The same as a grant."""
        return Grant(Role(self.role), tuple(self.feeds.split()))

    def clean(self) -> None:
        """Refuse a role without feeds."""
        if not self.feeds.split():
            raise ValidationError({"feeds": "Name at least one feed, or * for all."})
