"""The caller: whose key a request shows, and what it may see and do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Self

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from entrypoints.web.api.problems import ProblemError
from entrypoints.web.caller import Caller as AnyCaller
from entrypoints.web.caller import Grant
from entrypoints.web.context import WebContext
from entrypoints.web.requests import request_id
from pipelines.operations.keys import key_of
from schemas.act import Actor
from schemas.key import Key, Role

_BEARER = HTTPBearer(
    bearerFormat="wb_<id>_<secret>",
    scheme_name="key",
    description="A key that `waybill keys create` has printed.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller(AnyCaller):
    """A valid key, and the runtime in whose name it acts."""

    key: Key

    @classmethod
    def of(cls, key: Key, context: WebContext, actor: Actor) -> Self:
        """The caller of a key."""
        runtime = replace(context.runtime, actor=actor)
        return cls((Grant(key.role, key.feeds),), context, runtime, key)


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
    return Caller.of(key, context, actor)


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
