"""What the BigQuery connector is told in config.yaml."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from connectors.bigquery import names
from connectors.objects.store import StorageConfig
from connectors.paths import LocalFile
from schemas.contract import Contract

Dataset = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,1024}$")]
Project = Annotated[str, Field(pattern=r"^([a-z0-9.\-]+:)?[a-z][a-z0-9\-]{2,62}$")]

_KEY = r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"


class DatasetSettings(BaseModel):
    """What is set on datasets when they are made: https://cloud.google.com/bigquery/docs/datasets"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, str] = {}
    """Labels of all datasets."""
    description: str | None = None
    """The description of all datasets."""
    time_travel_hours: Annotated[int, Field(ge=48, le=168, multiple_of=24)] | None = None
    """For how long BigQuery can restore removed rows (time travel); staging datasets always have
    the minimum."""
    storage_billing: Literal["LOGICAL", "PHYSICAL"] | None = None
    """How storage is billed."""


class BigQueryConfig(BaseModel):
    """Where the warehouse is and how to get in. Without credentials of its own it uses
    Application Default Credentials (https://cloud.google.com/docs/authentication)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Project
    """The Google Cloud project that holds the tables."""
    billing_project: Project | None = None
    """The project in which jobs run and that pays for them; by default the one of the tables."""
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
    staging_hours: Annotated[float, Field(ge=1)] = 24
    """When a staging table that was left behind expires; BigQuery's least is an hour."""
    kms_key: Annotated[str, Field(pattern=_KEY)] | None = None
    """The customer's own key (CMEK) of datasets and tables that are made, and of results:
    projects/…/locations/…/keyRings/…/cryptoKeys/…"""
    datasets: DatasetSettings = DatasetSettings()
    """Settings of the datasets that are made."""
    rejected_days: Annotated[int, Field(gt=0)] | None = 365
    """For how long rejected rows stay in the warehouse; None keeps them for ever."""
    row_access_member: Annotated[str, Field(pattern=r"^[a-zA-Z]+:[^\s\"'\\]+$")] | None = None
    """The account of Waybill for row access policies (`serviceAccount:…`). Tables with such
    policies get one more, so that Waybill sees every row. Without it a policy hides rows from
    Waybill."""
    job_timeout: Annotated[float, Field(gt=0)] = 600
    """Seconds after which a load job or a transaction is cancelled."""
    lost_seconds: Annotated[float, Field(ge=0)] = 6 * 3600
    """A transaction that has not ended after this time counts as lost, and the next one is sent.
    BigQuery itself ends a query after six hours."""
    maximum_bytes_billed: Annotated[int, Field(ge=10 * 1024**2)] | None = 1024**4
    """A statement that would read more bytes fails before it costs anything. 1 TiB is a few dollars
    on demand; BigQuery's minimum is 10 MiB. None sets no bound.
    https://cloud.google.com/bigquery/docs/best-practices-costs"""
    ask_above_bytes: Annotated[int, Field(ge=0)] = 100 * 1024**3
    """Commands say what they would read, and ask before they read more than this."""
    price_per_tib: Annotated[float, Field(ge=0)] = 6.25
    """What a TiB read costs, in dollars, for `waybill cost`:
    https://cloud.google.com/bigquery/pricing"""

    @property
    def keyless(self) -> bool:
        """Whether requests carry no credentials."""
        return self.anonymous or _is_loopback(self.api_endpoint)

    def table_id(self, contract: Contract) -> str:
        """The full name of the contract's table, as `Warehouse.table_id`; raises ContractError for
        a name that BigQuery would not take."""
        parts = (self.project, contract.dataset or self.dataset, contract.table)
        names.table(*parts)
        return ".".join(parts)

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
