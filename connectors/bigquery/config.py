"""What the BigQuery connector is told in config.yaml."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from connectors.objects_store import StorageConfig
from connectors.paths import LocalFile

Dataset = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,1024}$")]
Project = Annotated[str, Field(pattern=r"^([a-z0-9.\-]+:)?[a-z][a-z0-9\-]{2,62}$")]


class BigQueryConfig(BaseModel):
    """Where the warehouse is and how to get in. Without credentials of its own it uses
    Application Default Credentials (https://cloud.google.com/docs/authentication)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Project
    """The Google Cloud project that holds the tables and pays for the queries."""
    dataset: Dataset = "waybill"
    """The dataset of contracts that name none."""
    location: str = "EU"
    """Where new datasets are created and jobs run."""
    api_endpoint: str | None = None
    """Another address of the BigQuery API, such as an emulator's."""
    anonymous: bool = False
    """Send no credentials. A loopback `api_endpoint` never gets any."""
    credentials_file: LocalFile | None = None
    """A service account's key file."""
    impersonate: str | None = None
    """A service account (its e-mail address) to act as."""
    meta_dataset: Dataset = "etl_meta"
    """The dataset of Waybill's own tables: batches, files, rejected rows, removals."""
    staging_dataset: Dataset = "etl_staging"
    """The dataset of staging tables."""
    staging_bucket: StorageConfig | None = None
    """A Google bucket (`url: gs://bucket/prefix`) through which batches travel to load jobs, for
    staged files that lie elsewhere; without it they are uploaded with the job."""
    staging_hours: Annotated[float, Field(gt=0)] = 24
    """When a staging table that was left behind expires."""
    job_timeout: Annotated[float, Field(gt=0)] = 600
    """Seconds after which a load job or a transaction is told to stop."""
    maximum_bytes_billed: Annotated[int, Field(gt=0)] | None = 1024**4
    """Any one query that would read more bytes fails before it costs anything: 1 TiB, a few dollars
    on demand. None sets no bound. https://cloud.google.com/bigquery/docs/best-practices-costs"""

    @property
    def keyless(self) -> bool:
        """Whether requests carry no credentials."""
        return self.anonymous or _is_loopback(self.api_endpoint)

    @field_validator("staging_bucket")
    @classmethod
    def _is_googles(cls, value: StorageConfig | None) -> StorageConfig | None:
        if value is not None and not value.url.startswith("gs://"):
            raise ValueError("BigQuery loads from gs:// addresses: url: gs://bucket/prefix")
        return value

    @model_validator(mode="after")
    def _no_token_in_clear(self) -> Self:
        plain = self.api_endpoint is not None and not self.api_endpoint.startswith("https://")
        if plain and not self.keyless:
            raise ValueError("api_endpoint must be https:// unless it is on this machine")
        return self


def _is_loopback(endpoint: str | None) -> bool:
    host = urlsplit(endpoint or "").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
