"""The BigQuery client: credentials."""

from __future__ import annotations

import google.auth
from google.api_core.client_options import ClientOptions
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.cloud import bigquery
from google.oauth2 import service_account

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.errors import translated
from schemas.errors import ConfigError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def connect(config: BigQueryConfig) -> bigquery.Client:
    """A client with the configured credentials; nothing is sent yet. Raises ConfigError."""
    options = ClientOptions(api_endpoint=config.api_endpoint) if config.api_endpoint else None
    with translated("let us in"):
        return bigquery.Client(
            # Jobs run in this project, which pays for them; tables name their own.
            project=config.billing_project or config.project,
            location=config.location,
            credentials=_credentials(config),
            client_options=options,
        )


def _credentials(config: BigQueryConfig) -> Credentials:
    if config.keyless:
        return AnonymousCredentials()
    own: Credentials
    try:
        if config.credentials_file is not None:
            own = service_account.Credentials.from_service_account_file(
                str(config.credentials_file), scopes=[_SCOPE]
            )
        else:
            own, _ = google.auth.default(scopes=[_SCOPE])
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the service account's key file cannot be read: {error}",
            hint="see warehouse.credentials_file",
        ) from error
    if config.impersonate is None:
        return own
    return impersonated_credentials.Credentials(
        source_credentials=own, target_principal=config.impersonate, target_scopes=[_SCOPE]
    )
