"""The caller: whose key a request shows, and what it may see and do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from entrypoints.web.api.problems import NOT_FOUND, ProblemError
from entrypoints.web.context import WebContext
from entrypoints.web.requests import request_id
from pipelines.operations.drift_decisions import drift_named
from pipelines.operations.keys import key_of
from pipelines.operations.masking import Mask
from pipelines.runtime import Runtime
from schemas.act import Actor
from schemas.alert import Alert
from schemas.drift import Drift
from schemas.errors import WaybillError
from schemas.file import File
from schemas.key import Key, Role
from schemas.operation import Operation

_BEARER = HTTPBearer(
    bearerFormat="wb_<id>_<secret>",
    scheme_name="key",
    description="A key that `waybill keys create` has printed.",
    auto_error=False,
)
_ALL = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """A valid key, and the runtime in whose name it acts."""

    key: Key
    context: WebContext
    runtime: Runtime

    @property
    def sees_all(self) -> bool:
        """Whether the key is for every feed, also those to come."""
        return _ALL in self.key.feeds

    @property
    def feeds(self) -> list[str]:
        """The feeds that the key is for."""
        return [name for name in self.runtime.feeds if self.sees(name)]

    @property
    def only_feeds(self) -> list[str] | None:
        """The same, or None if it need not be asked for each."""
        return None if self.sees_all else self.feeds

    def sees(self, feed: str | None) -> bool:
        """Whether the key is for that feed; what is of no feed only a key for all of them sees."""
        if self.sees_all:
            return True
        return feed is not None and any(fnmatchcase(feed, glob) for glob in self.key.feeds)

    def may_follow(self, operation: Operation) -> bool:
        """Whether the key may see long work: that on its feeds, and its own on none."""
        if operation.feed:
            return self.sees(operation.feed)
        own = (self.runtime.actor.who, self.runtime.actor.via)
        return self.sees_all or (operation.actor.who, operation.actor.via) == own

    def mask(self, feed: str | None) -> Mask:
        """What may be seen of a feed's values."""
        known = self.runtime.feeds.get(feed or "")
        contract = None if known is None else self.runtime.contracts.get(known.contract)
        return Mask(contract, self.key.role.may(Role.STEWARD))

    def feed(self, name: str) -> str:
        """A feed that the key is for; else it is not there."""
        if name not in self.runtime.feeds or not self.sees(name):
            raise NOT_FOUND
        return name

    def file(self, file_id: str) -> File:
        """A file of such a feed; else it is not there."""
        try:
            file = self.runtime.ledger.files.get(file_id)
        except KeyError:
            raise NOT_FOUND from None
        if not self.sees(file.feed):
            raise NOT_FOUND
        return file

    def drift(self, drift_id: str) -> Drift:
        """A drift of such a feed; else it is not there."""
        try:
            drift = drift_named(self.runtime, drift_id)
        except WaybillError:
            raise NOT_FOUND from None
        if drift.drift_id != drift_id or not self.sees(drift.feed):
            raise NOT_FOUND
        return drift

    def alert(self, alert_id: str) -> Alert:
        """An alert about such a feed; else it is not there."""
        try:
            alert = self.runtime.ledger.alerts.get(alert_id)
        except KeyError:
            raise NOT_FOUND from None
        if not self.sees(alert.trouble.feed):
            raise NOT_FOUND
        return alert


def context_of(request: Request) -> WebContext:
    """The context of the application that answers."""
    context: WebContext = request.app.state.context
    return context


def _caller(
    request: Request,
    response: Response,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Caller:
    """Whoever shows a valid key; counts every request, and every one without."""
    context = context_of(request)
    web, limit = context.settings.web, context.limit
    origin = request.client.host if request.client is not None else None
    failed = f"failed:{origin}"
    # A valid key is let in whatever others do that come by the same proxy.
    token = shown.credentials if shown is not None else ""
    key = key_of(context.runtime, token, lambda: limit.counted(failed) < web.failures_a_minute)
    if key is None:
        if limit.count(failed) > web.failures_a_minute:
            raise _too_many(limit.seconds_left())
        raise ProblemError(
            401,
            "a valid key is needed",
            "send `Authorization: Bearer wb_…`; an admin makes one with `waybill keys create`",
            {"WWW-Authenticate": 'Bearer realm="waybill"'},
        )
    left = web.requests_a_minute - limit.count(f"key:{key.key_id}")
    response.headers["RateLimit-Limit"] = str(web.requests_a_minute)
    response.headers["RateLimit-Remaining"] = str(max(0, left))
    if left < 0:
        raise _too_many(limit.seconds_left())
    actor = Actor(
        who=f"{key.name} ({key.key_id})", via="api", origin=origin, request_id=request_id()
    )
    return Caller(key, context, replace(context.runtime, actor=actor))


def _too_many(seconds: int) -> ProblemError:
    return ProblemError(
        429,
        "there were too many requests in this minute",
        f"wait {seconds} s",
        {"Retry-After": str(seconds)},
    )


def may(role: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """What an endpoint depends on that needs a role."""

    async def allowed(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if not caller.key.role.may(role):
            raise ProblemError(
                403,
                f"this needs the role {role}; the key has {caller.key.role}",
                "an admin can make another key with `waybill keys create --role`",
            )
        return caller

    return allowed


Viewer = Annotated[Caller, Depends(may(Role.VIEWER))]
Operator = Annotated[Caller, Depends(may(Role.OPERATOR))]
Steward = Annotated[Caller, Depends(may(Role.STEWARD))]
Admin = Annotated[Caller, Depends(may(Role.ADMIN))]
