"""ObjectStorage: landed and staged files in a local folder, S3 or GCS, by obstore."""

from __future__ import annotations

import io
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import GCSStore, LocalStore, S3Store
from pydantic import BaseModel, ConfigDict, SecretStr

from schemas.errors import AccessDeniedError, ConfigError, RetryableError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=/-]*")
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class StorageConfig(BaseModel):
    """Where objects are kept: a folder's path, `s3://bucket/prefix` or `gs://bucket/prefix`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None
    credentials_file: str | None = None
    """A Google service account's key file."""


class ObjectStorage:
    """Durable objects behind relative keys (protocol `Storage`)."""

    def __init__(self, config: StorageConfig) -> None:
        self._config = config

    def put(self, key: str, path: Path) -> bool:
        """Store a local file under a new key; False if the key exists.

        Keys name their content or their attempt, so two writers of one key bring the same bytes.
        """
        with self._translated(key):
            if self.exists(key):
                return False
            # A multi-part upload cannot be made conditional; the check above has to do.
            small = path.stat().st_size < 8 * 1024 * 1024
            try:
                obstore.put(self._store, _safe(key), path, mode="create" if small else "overwrite")
            except AlreadyExistsError:
                return False
        return True

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Stream an object; raises FileNotFoundError."""
        with self._translated(key):
            reader = obstore.open_reader(self._store, _safe(key), buffer_size=1024 * 1024)
        yield cast(BinaryIO, io.BufferedReader(_Reader(reader, self, key), 1024 * 1024))

    def exists(self, key: str) -> bool:
        """Whether an object has that key."""
        with self._translated(key):
            try:
                obstore.head(self._store, _safe(key))
            except (NotFoundError, FileNotFoundError):
                return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a folder."""
        with self._translated(prefix):
            for page in obstore.list(self._store, prefix=_safe(prefix.rstrip("/"))):
                for each in page:
                    yield each["path"]

    def delete(self, key: str) -> None:
        """Remove an object; quiet if it is not there."""
        with self._translated(key):
            try:
                obstore.delete(self._store, _safe(key))
            except (NotFoundError, FileNotFoundError):
                return

    def uri(self, key: str) -> str:
        """The object's full address."""
        base = self._config.url.rstrip("/")
        if "://" not in base:
            base = Path(base).resolve().as_uri()
        return f"{base}/{_safe(key)}"

    def check(self) -> str:
        """Write, read and remove a small object and say where."""
        key = f"check/{uuid.uuid4().hex}"
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"waybill")
            file.flush()
            self.put(key, Path(file.name))
        with self.open(key) as stream:
            if stream.read() != b"waybill":
                raise RetryableError(f"{self._config.url}: what was written reads back otherwise")
        self.delete(key)
        return f"{self._config.url}, writable"

    @cached_property
    def _store(self) -> Any:
        config = self._config
        try:
            if config.url.startswith("s3://"):
                return self._s3()
            if config.url.startswith("gs://"):
                options: dict[str, Any] = {}
                if config.credentials_file:
                    options["service_account"] = config.credentials_file
                if config.endpoint:
                    options["url"] = config.endpoint
                return GCSStore.from_url(config.url, retry_config=_RETRY, **options)
            return LocalStore(Path(config.url.removeprefix("file://")).resolve(), mkdir=True)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigError(f"storage.url {config.url}: {error}") from error

    def _s3(self) -> Any:
        config = self._config
        options: dict[str, Any] = {
            "endpoint": config.endpoint,
            "region": config.region,
            "access_key_id": config.access_key,
            "secret_access_key": (
                config.secret_key.get_secret_value() if config.secret_key else None
            ),
        }
        given = {name: value for name, value in options.items() if value is not None}
        plain = bool(config.endpoint and config.endpoint.startswith("http://"))
        return S3Store.from_url(
            config.url, client_options={"allow_http": plain}, retry_config=_RETRY, **given
        )

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        """Turn obstore's exceptions into ours."""
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(key) from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise AccessDeniedError(
                f"storage {self._config.url} refuses us",
                hint="it must be able to read, write, list and delete there",
            ) from error
        except (BaseError, OSError) as error:
            text = str(error).splitlines()[0][:300]
            raise RetryableError(f"storage {self._config.url} does not answer: {text}") from error


class _Reader(io.RawIOBase):
    """An obstore reader as a raw stream whose faults are ours."""

    def __init__(self, reader: Any, storage: ObjectStorage, key: str) -> None:
        self._reader, self._storage, self._key = reader, storage, key

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with self._storage._translated(self._key):
            data = self._reader.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _safe(key: str) -> str:
    """The key, refused if it could lead anywhere but below the storage's own root."""
    if not _KEY.fullmatch(key) or ".." in key.split("/"):
        raise ValueError(f"{key!r} is not a storage key")
    return key
