"""Page: every endpoint of the HTTP API, from its OpenAPI document."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from docs.builder.reference.text import code, one_line, page, section, table
from entrypoints.web.api.app import make_api
from entrypoints.web.context import WebContext


def document() -> dict[str, Any]:
    """The OpenAPI document, which asks nothing of the service."""
    return make_api(cast(WebContext, None)).openapi()


def _parameters(operation: dict[str, Any]) -> str:
    found = [
        f"{code(each['name'])}{'' if each.get('required') else ' (optional)'}"
        for each in operation.get("parameters", ())
        if each["in"] == "query"
    ]
    return ", ".join(found)


def api_page() -> str:
    """The page."""
    groups: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            about = one_line(operation.get("description") or operation.get("summary"))
            if not about:
                raise KeyError(f"{method} {path} has no description")
            answers = ", ".join(operation["responses"])
            group = path.removeprefix("/api/v1/").split("/")[0]
            groups[group].append(
                (code(f"{method.upper()} {path}"), about, _parameters(operation), answers)
            )
    heads = ("endpoint", "what it does", "query", "answers")
    return page(
        "HTTP API: every endpoint",
        "The OpenAPI document itself is at `/api/v1/openapi.json` of your installation. [How to use"
        " it, by curl](../api.md).",
        *(section(name, table(heads, rows)) for name, rows in groups.items()),
    )
