"""Keys: made, listed and revoked; and whom one lets in."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from connectors.globs import static_prefix
from pipelines.operations.acts import acting
from pipelines.runtime import Runtime
from schemas.errors import BusyError, ConflictError, NotFoundError
from schemas.key import Key, Role, parts_of, sha256_of, token_of

_SECRET_BYTES = 32
_NO_SECRET = "0" * 64
"""What an unknown key's secret is compared with, so that it takes as long as a known one's."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its token, which is shown this once: only the hash of it is kept."""

    key: Key
    token: str


def create_key(
    runtime: Runtime,
    name: str,
    role: Role,
    feeds: Sequence[str],
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key for the feeds that those globs name. Raises ConflictError for one that would not
    let anybody in."""
    if not name.strip() or not feeds:
        raise ConflictError("a key needs a name and feeds", hint='feeds may be "*"')
    now = runtime.now()
    if expires_at is not None and expires_at <= now:
        raise ConflictError("the key would have expired already", hint="name a time to come")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = Key(
        key_id=secrets.token_hex(6),
        name=name.strip(),
        role=role,
        feeds=tuple(feeds),
        created_at=now,
        created_by=runtime.actor.who,
        expires_at=expires_at,
    )
    with acting(runtime, "create_key", "key", key.key_id) as told:
        runtime.ledger.keys.add(key, sha256_of(secret))
        told.after = _facts(key)
    return NewKey(key, token_of(key.key_id, secret))


def list_keys(runtime: Runtime) -> Sequence[Key]:
    """All keys there ever were, oldest first."""
    return runtime.ledger.keys.all()


def door_keys(runtime: Runtime) -> Mapping[str, object]:
    """What the serverless door lets in (docs/door.md): of each valid key that may do more than
    read, the hash of its secret, until when, and for each of its feeds the folder of the keys that
    the feed takes. Feeds that look anywhere are left out, and so are keys without any."""
    found = {}
    for key in runtime.ledger.keys.all():
        if not (key.role.may(Role.OPERATOR) and key.is_valid(runtime.now())):
            continue
        kept = runtime.ledger.keys.find(key.key_id)
        feeds = {
            feed.name: f"{folder}/"
            for feed in runtime.feeds.values()
            if any(fnmatchcase(feed.name, each) for each in key.feeds)
            and (folder := static_prefix(feed.match).rpartition("/")[0])
        }
        if kept is not None and feeds:
            expires = key.expires_at.isoformat() if key.expires_at is not None else None
            found[key.key_id] = {"sha256": kept[1], "expires_at": expires, "feeds": feeds}
    return {"version": 1, "keys": found}


def revoke_key(runtime: Runtime, key_id: str) -> bool:
    """Let nobody in by a key any more; whether it did until now. Safe to repeat. Raises
    NotFoundError."""
    with acting(runtime, "revoke_key", "key", key_id) as told:
        try:
            done = runtime.ledger.keys.revoke(key_id, runtime.actor.who)
        except KeyError:
            raise NotFoundError(
                f"there is no key {key_id}", hint="`waybill keys list` lists them"
            ) from None
        told.is_none = not done
    return done


def key_of(
    runtime: Runtime, token: str, notes_failure: Callable[[], bool] = lambda: True
) -> Key | None:
    """The valid key that a token is; None for any other text. It takes the same time whichever part
    of the token is wrong, and a wrong secret is counted, unless `notes_failure` says that there
    were enough."""
    parts = parts_of(token)
    if parts is None:
        return None
    key_id, secret = parts
    found = runtime.ledger.keys.find(key_id)
    key, kept = found if found is not None else (None, _NO_SECRET)
    is_right = hmac.compare_digest(sha256_of(secret), kept)
    if key is None:
        return None
    if not is_right:
        if notes_failure():
            runtime.ledger.keys.note_failure(key_id)
        return None
    if not key.is_valid(runtime.now()):
        return None
    # A ledger that is being written to for long must not keep anybody from reading.
    with suppress(BusyError):
        runtime.ledger.keys.note_use(key)
    return key


def _facts(key: Key) -> dict[str, object]:
    expires = key.expires_at.isoformat() if key.expires_at is not None else None
    return {
        "name": key.name,
        "role": str(key.role),
        "feeds": list(key.feeds),
        "expires_at": expires,
    }
