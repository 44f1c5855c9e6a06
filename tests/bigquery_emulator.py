"""The BigQuery emulator as tests reach it beside the product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def client_of(url: str) -> bigquery.Client:
    """A client of the emulator at that address."""
    return bigquery.Client(
        project="demo",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )


@contextmanager
def no_dataset_left(url: str) -> Iterator[None]:
    """Remove the datasets that are made while the block runs, with all their tables."""
    with client_of(url) as client:
        before = _datasets(client)
        yield
        for name in _datasets(client) - before:
            client.delete_dataset(name, delete_contents=True, not_found_ok=True)


def _datasets(client: bigquery.Client) -> set[str]:
    return {each.dataset_id for each in client.list_datasets()}
