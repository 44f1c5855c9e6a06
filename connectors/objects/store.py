"""How to get at object storage: its configuration, an obstore store, and what its errors mean."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import boto3
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore, LocalStore, S3Store
from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.paths import LocalFile, located
from connectors.private_files import private_folder
from schemas.errors import (
    AccessDeniedError,
    ConfigError,
    FatalError,
    RetryableError,
    ThrottledError,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSConfig, ObjectStore, RetryConfig
    from obstore.store import S3Config as S3Options

_RETRY: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_NO_BUCKET = re.compile(r"NoSuchBucket|specified bucket does not exist", re.IGNORECASE)
_DENIED = re.compile(r"\b(401 Unauthorized|403 Forbidden)\b|\(os error (1|13)\)")
_SLOW = re.compile(r"\b429 Too Many Requests\b|SlowDown|rateLimitExceeded")
_MISDIRECTED = re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|InvalidBucketName")


class StorageConfig(BaseModel):
    """Where objects are kept, and how to get at them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """A folder's path (a relative one starts where config.yaml is), `file:///folder`,
    `s3://bucket/prefix` or `gs://bucket/prefix`."""
    endpoint: str | None = None
    """The address of a server other than Amazon's or Google's; `http://` has no TLS."""
    region: str | None = None
    """The region of the bucket; without it boto3's own settings say it."""
    access_key: str | None = None
    """The id of an access key for S3."""
    secret_key: SecretStr | None = None
    """Without keys, boto3's own chain finds credentials for S3."""
    credentials_file: LocalFile | None = None
    """A Google service account's key file; without it the host's own account is used."""
    ca_file: LocalFile | None = None
    """A certificate authority to trust beside the usual ones (PEM)."""

    @field_validator(
        "endpoint", "region", "access_key", "secret_key", "credentials_file", mode="before"
    )
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        """An environment variable that is set but empty counts as not set."""
        return None if value == "" else value

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        parts = urlsplit(value)
        if "://" in value and parts.scheme not in ("file", "s3", "gs"):
            raise ValueError("a folder's path, file://, s3:// or gs:// is expected")
        if parts.scheme in ("s3", "gs") and not parts.netloc:
            raise ValueError("the bucket's name is missing")
        if not value.strip() or (parts.scheme == "file" and parts.netloc):
            raise ValueError("a folder's path is expected, as in data/storage or file:///folder")
        return value if "://" in value else str(located(Path(value)))

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together: give both or neither")
        return self

    @property
    def folder(self) -> Path | None:
        """The local folder; None for a bucket."""
        if self.url.startswith(("s3://", "gs://")):
            return None
        if self.url.startswith("file://"):
            return Path(unquote(urlsplit(self.url).path)).resolve()
        return Path(self.url).resolve()

    @property
    def base(self) -> str:
        """The address that keys are appended to, after a slash."""
        return (self.folder.as_uri() if self.folder else self.url).rstrip("/")


def new_store(config: StorageConfig) -> ObjectStore:
    """The store of that configuration; connects to nothing yet. Raises ConfigError."""
    try:
        if config.folder:
            private_folder(config.folder)
            return LocalStore(config.folder)
        return _s3(config) if config.url.startswith("s3://") else _gcs(config)
    except (BaseError, ValueError, OSError) as error:
        raise ConfigError(f"storage {config.url}: {_sentence(error)}") from error


def refuse_fork() -> None:
    """Raise FatalError in a child forked after storage was used: obstore's threads stay behind in
    the parent, and the child would wait for them for ever."""
    if _first_process() != os.getpid():
        raise FatalError(
            "storage was used before this process was forked",
            hint="fork first, or start processes by `spawn`",
        )


@cache
def _first_process() -> int:
    """The process that first used storage; a forked child inherits the answer."""
    return os.getpid()


def _s3(config: StorageConfig) -> S3Store:
    options: S3Options = {}
    if config.endpoint:
        options["endpoint"] = config.endpoint
    if config.region:
        options["region"] = config.region
    provider = None
    if config.access_key and config.secret_key:
        options["access_key_id"] = config.access_key
        options["secret_access_key"] = config.secret_key.get_secret_value()
    else:
        session = boto3.Session(region_name=config.region)
        if session.get_credentials() is None:
            raise AccessDeniedError(
                f"storage {config.url}: there are no credentials",
                hint="set access_key and secret_key, or give the host a role",
            )
        provider = Boto3CredentialProvider(session)
    return S3Store.from_url(
        config.url,
        config=options,
        client_options=_client(config),
        retry_config=_RETRY,
        credential_provider=provider,
    )


def _gcs(config: StorageConfig) -> GCSStore:
    options: GCSConfig = {}
    if config.credentials_file:
        options["service_account"] = str(config.credentials_file)
    elif config.endpoint:
        # An emulator knows no accounts.
        options["service_account_key"] = json.dumps(
            {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        )
    if config.endpoint:
        options["base_url"] = config.endpoint
    return GCSStore.from_url(
        config.url, config=options, client_options=_client(config), retry_config=_RETRY
    )


def _client(config: StorageConfig) -> ClientConfig:
    """Patience by read, not by request: a large object may take long, a silent server may not."""
    options: ClientConfig = {
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=60),
        "timeout": timedelta(hours=6),
        "allow_http": bool(config.endpoint and config.endpoint.startswith("http://")),
    }
    if config.ca_file:
        options["root_certificate"] = config.ca_file.read_bytes()
    return options


@contextmanager
def translating(url: str, key: str = "") -> Iterator[None]:
    """Turn obstore's exceptions into ours; `key` is the object that was asked for, if any, and
    that it is missing is Python's FileNotFoundError."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise _translated(error, url, key) from error


def _translated(error: Exception, url: str, key: str) -> Exception:
    text = str(error)
    is_missing = isinstance(error, FileNotFoundError)
    if _NO_BUCKET.search(text) or (is_missing and not key):
        return ConfigError(
            f"storage {url}: there is no such bucket", hint="create it, or correct `url`"
        )
    if is_missing:
        return FileNotFoundError(f"{key} is not in storage {url}")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _DENIED.search(text):
        return AccessDeniedError(
            f"storage {url} refuses us",
            hint="check the keys, and that they may read, write, list and delete there",
        )
    if _SLOW.search(text):
        return ThrottledError(f"storage {url} asks us to slow down")
    if _MISDIRECTED.search(text):
        return ConfigError(
            f"storage {url}: {_sentence(error)}", hint="correct url, region or endpoint"
        )
    return RetryableError(f"storage {url} does not answer: {_sentence(error)}")


def _sentence(error: Exception) -> str:
    """The first line of obstore's page-long messages."""
    return str(error).partition("\n")[0][:300]
