"""BigQuery: the warehouse. Its libraries are heavy: they are imported with the warehouse itself,
and not for its configuration alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.bigquery.config import BigQueryConfig

if TYPE_CHECKING:
    from connectors.bigquery.warehouse import BigQueryWarehouse

__all__ = ["BigQueryConfig", "BigQueryWarehouse"]


def __getattr__(name: str) -> Any:
    if name != "BigQueryWarehouse":
        raise AttributeError(name)
    from connectors.bigquery.warehouse import BigQueryWarehouse

    return BigQueryWarehouse
