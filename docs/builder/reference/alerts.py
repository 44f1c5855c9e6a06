"""Page: every kind of alert, and what to do about it."""

from __future__ import annotations

from docs.builder.reference.text import code, page, sentences, table
from schemas.alert import AlertKind


def alerts_page() -> str:
    """The page. Raises KeyError for a kind that has no sentence, or none of what to do."""
    said = sentences(AlertKind)
    rows = []
    for kind in AlertKind:
        what, do, todo = said[kind.name].partition(" Do: ")
        if not do:
            raise KeyError(f"AlertKind.{kind.name} does not say what to do: Do: …")
        rows.append((str(kind), code(kind.name.lower()), what, todo[0].upper() + todo[1:]))
    return page(
        "Alerts",
        "Each alert begins once and ends once. [When each begins and ends, and where it is"
        " sent](../alerts.md). The name is what metrics and the API call it.",
        table(("alert", "name", "what is the matter", "what to do"), rows),
    )
