"""Page: every metric."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from docs.builder.links import ROOT
from docs.builder.reference.text import code, page, table

_MODULES = ("pipelines/operations/measures.py", "entrypoints/metrics/collector.py")


def _metrics() -> Iterator[tuple[str, str]]:
    """Name and sentence of each, wherever the two stand beside each other in those modules."""
    for path in _MODULES:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            parts = getattr(node, "args", None) or getattr(node, "elts", None)
            if not isinstance(parts, list):
                continue
            texts = [each.value for each in parts if isinstance(each, ast.Constant)]
            if len(texts) >= 2 and str(texts[0]).startswith("waybill_"):
                yield str(texts[0]), str(texts[1])


def metrics_page() -> str:
    """The page."""
    found = sorted(dict(_metrics()).items())
    return page(
        "Metrics",
        "`/metrics` has them in Prometheus' text; all are gauges. [Their labels, and how to read"
        " them](../metrics.md).",
        table(("metric", "what it says"), [(code(name), says) for name, says in found]),
    )
