"""The first person, made from the command line: an admin, who adds the others."""

from __future__ import annotations

from entrypoints.web.console.setup import check_tables, close_database, set_up
from entrypoints.web.context import WebContext
from pipelines.operations.acts import acting_outside
from pipelines.runtime import Runtime
from schemas.errors import ConflictError
from schemas.key import Role

_ADMINS = "admins"


def create_admin(
    context: WebContext, runtime: Runtime, name: str, email: str, password: str
) -> None:
    """Let somebody sign in as an admin of all feeds; sets the password of one who is there. Raises
    ConflictError for a name, an address or a password that will not do, FatalError where the
    tables are missing."""
    set_up(context)
    try:
        check_tables()
        _create(runtime, name, email, password)
    finally:
        close_database()


def _create(runtime: Runtime, name: str, email: str, password: str) -> None:
    from django.contrib.auth.models import Group
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.db import transaction

    from entrypoints.web.console.people.models import Access, Person
    from entrypoints.web.console.people.written_down import facts_of

    person = Person.objects.filter(username=name).first() or Person(username=name)
    before = facts_of(person)
    person.email, person.is_active = email or person.email, True
    try:
        validate_password(password, person)
        person.set_password(password)
        person.full_clean()
    except ValidationError as error:
        raise ConflictError(
            " ".join(error.messages), hint="choose another and try again"
        ) from error
    act = acting_outside(runtime, "create_admin", "person", name, before=before or None)
    with act as told, transaction.atomic():
        person.save()
        group, _ = Group.objects.get_or_create(name=_ADMINS)
        access, _ = Access.objects.update_or_create(
            group=group, defaults={"role": str(Role.ADMIN), "feeds": "*"}
        )
        person.groups.add(group)
        told.after = {**facts_of(person), "role": access.role}
