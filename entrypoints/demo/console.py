"""The demo's console: its tables, and somebody who may sign in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Login:
    """By what the demo's admin signs in; shown this once."""

    name: str
    password: str


def let_in(config: Path) -> Login:
    """Make the console's tables, and an admin of all feeds in them."""
    from entrypoints.web.console.people.first import create_admin
    from entrypoints.web.console.setup import migrate
    from entrypoints.web.context import web_context

    context = web_context(config)
    migrate(context)
    login = Login("demo", secrets.token_urlsafe(12))
    create_admin(context, context.runtime, login.name, "", login.password)
    return login
