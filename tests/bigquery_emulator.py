"""The emulator's datasets."""

from __future__ import annotations

from collections.abc import Iterable

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def client_of(url: str) -> bigquery.Client:
    """A client of the emulator at that address."""
    return bigquery.Client(
        project="demo",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url},
    )


def datasets(url: str) -> set[str]:
    """The names of those that are there."""
    with client_of(url) as client:
        return {each.dataset_id for each in client.list_datasets()}


def remove_datasets(url: str, names: Iterable[str]) -> None:
    """Remove these with all their tables."""
    with client_of(url) as client:
        for name in names:
            client.delete_dataset(name, delete_contents=True, not_found_ok=True)
