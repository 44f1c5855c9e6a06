"""The API as a FastAPI application, and its document."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from entrypoints.web.api import (
    alerts,
    checks,
    contract_revisions,
    drafts,
    drifts,
    feeds,
    file_acts,
    files,
    part_uploads,
    service,
    templates,
    trusted_senders,
    uploads,
    waiting,
    webhooks,
)
from entrypoints.web.api.etags import NotModifiedError, unchanged
from entrypoints.web.api.problems import Problem, add_handlers
from entrypoints.web.context import WebContext

PREFIX = "/api/v1"
_ABOUT = """
Everything a program may ask of Waybill, and do: follow files, fix what waits, undo loads.

Every request shows a key (`Authorization: Bearer wb_…`). Errors are `application/problem+json`,
each with a `hint` that says what to do. What takes long is answered `202` with an operation; ask
for it until its `state` is `done` or `failed`. Lists name their next page in `Link` and in `next`.
Times are UTC (RFC 3339). What can change has an `ETag`; send it as `If-Match` to change only what
you have seen. Values of columns that are not public are `•••` but for stewards.
"""


def make_api(context: WebContext) -> FastAPI:
    """The API over a context; connects to nothing."""
    app = FastAPI(
        title="Waybill",
        version=version("waybill"),
        description=_ABOUT.strip(),
        # No page of the framework's own: those load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=_name_of,
    )
    app.state.context = context
    add_handlers(app)
    app.add_exception_handler(NotModifiedError, unchanged)
    api = APIRouter(prefix=PREFIX, generate_unique_id_function=_name_of)
    for each in (
        files,
        file_acts,
        drafts,
        uploads,
        part_uploads,
        checks,
        feeds,
        templates,
        contract_revisions,
        alerts,
        drifts,
        waiting,
        trusted_senders,
        webhooks,
        service,
    ):
        api.include_router(each.router)
    app.include_router(api)
    _document(app)
    return app


def _name_of(route: APIRoute) -> str:
    """An operation is named by its function: generated clients have it for a name, too."""
    return route.name


def _document(app: FastAPI) -> None:
    """Describe problems: the framework's own description of a refused request is none of ours."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = plain()
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = Problem.model_json_schema()
        app.openapi_schema = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]
