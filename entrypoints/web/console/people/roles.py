"""Who is an admin, and making the first one."""

from __future__ import annotations

from typing import Any

from schemas.key import Role


def is_admin_of_all(person: Any) -> bool:
    """Whether somebody who is signed in is an admin of all feeds: nobody else makes people."""
    if not person.is_authenticated or not person.is_active:
        return False
    return any(grant.role is Role.ADMIN and grant.is_for_all for grant in person.grants)
