"""BigQuery: the warehouse."""

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.warehouse import BigQueryWarehouse

__all__ = ["BigQueryConfig", "BigQueryWarehouse"]
