"""All pages of the reference, by the names of their files."""

from __future__ import annotations

from docs.builder.reference.alerts import alerts_page
from docs.builder.reference.api import api_page
from docs.builder.reference.commands import commands_page
from docs.builder.reference.contracts import contracts_page
from docs.builder.reference.errors import errors_page, reasons_page
from docs.builder.reference.feeds import feeds_page
from docs.builder.reference.metrics import metrics_page
from docs.builder.reference.settings import settings_page
from docs.builder.reference.tables import tables_page
from docs.builder.reference.text import page, table

_PAGES = {
    "config.md": ("Every key of config.yaml", settings_page),
    "feed.md": ("Every argument of a feed, and of its trust", feeds_page),
    "contract.md": ("Every key of a dialect, every custom property", contracts_page),
    "commands.md": ("Every command, its options, its exit statuses", commands_page),
    "etl_meta.md": ("Every table, view and column of the bookkeeping", tables_page),
    "alerts.md": ("Every alert, and what to do", alerts_page),
    "errors.md": ("Every error, and what to do", errors_page),
    "reasons.md": ("Every reason for which a row is rejected", reasons_page),
    "api.md": ("Every endpoint of the HTTP API", api_page),
    "metrics.md": ("Every metric", metrics_page),
}


def pages() -> dict[str, str]:
    """The pages' texts. Raises KeyError that names what the code does not say a sentence about."""
    made = {name: make() for name, (_, make) in _PAGES.items()}
    rows = [(f"[{about}]({name})",) for name, (about, _) in _PAGES.items()]
    index = page(
        "Reference",
        "Looked up, not read. These pages are written from the code, and a test compares the two.",
        table(("page",), rows),
    )
    return {"index.md": index, **made}
