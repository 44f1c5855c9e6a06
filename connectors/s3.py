"""S3Source: files that people drop into a bucket."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.session import get_session
from pydantic import BaseModel, ConfigDict, SecretStr

from connectors.match import compile_match, is_ours, static_prefix
from schemas.errors import (
    AccessDeniedError,
    ConfigError,
    ItemChangedError,
    RetryableError,
    ThrottledError,
    WaybillError,
)
from schemas.item import Item, Page
from schemas.receipt import Answer

_MARKERS = ("_SUCCESS", ".keep", ".gitkeep", "_$folder$")
_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "ExpiredToken"}
_GONE = {"NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412"}
_SLOW = {"SlowDown", "Throttling", "RequestLimitExceeded", "503"}


class S3Config(BaseModel):
    """A bucket and how to get at it; without keys, boto3's own chain finds credentials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str
    prefix: str = ""
    """Only keys below it; feeds match whole keys all the same."""
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None
    role_arn: str | None = None
    """A role to assume with those credentials."""
    ca_file: str | None = None
    receipts_prefix: str | None = None
    """Answers go below it instead of beside the drop."""
    move_to: str | None = None
    """Originals move below it once they are acknowledged."""


class S3Source:
    """Lists, reads and answers objects of one bucket (protocol `Source`)."""

    def __init__(self, config: S3Config) -> None:
        self._config = config

    def list(self, match: str, cursor: str | None) -> Iterator[Page]:
        """Pages of at most 1,000 matching objects; `cursor` is not used, a listing is whole."""
        pattern = compile_match(match)
        prefix = max(self._config.prefix, static_prefix(match), key=len)
        if not prefix.startswith((self._config.prefix, static_prefix(match))):
            return
        with self._translated():
            for page in self._pages(prefix):
                items = [self._item(each) for each in page if self._wanted(each, pattern)]
                yield Page(items=tuple(items))

    def _pages(self, prefix: str) -> Iterator[Sequence[dict[str, Any]]]:
        bucket = self._config.bucket
        if not self._versioned:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            )
            for page in pages:
                yield page.get("Contents", [])
            return
        versions = self._client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix
        )
        for page in versions:
            yield [each for each in page.get("Versions", []) if each["IsLatest"]]

    def _wanted(self, listed: dict[str, Any], pattern: Any) -> bool:
        key: str = listed["Key"]
        ours = [self._config.receipts_prefix, self._config.move_to]
        return not (
            key.endswith(("/", *_MARKERS))
            or is_ours(key)
            or any(folder and key.startswith(folder) for folder in ours)
            or not key.startswith(self._config.prefix)
            or not pattern.match(key)
        )

    def _item(self, listed: dict[str, Any]) -> Item:
        version = listed.get("VersionId")
        return Item(
            key=listed["Key"],
            version=version if version and version != "null" else listed["ETag"].strip('"'),
            name=listed["Key"].rpartition("/")[2],
            sent_at=listed["LastModified"],
            size=listed["Size"],
            detail={"etag": listed["ETag"], "version_id": version or ""},
        )

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream that very version; raises ItemChangedError once another has taken its place."""
        pinned: dict[str, str] = {"IfMatch": item.detail["etag"]}
        if item.detail.get("version_id"):
            pinned["VersionId"] = item.detail["version_id"]
        with self._translated(item.key):
            reply = self._client.get_object(Bucket=self._config.bucket, Key=item.key, **pinned)
        with reply["Body"] as body:
            yield cast(BinaryIO, io.BufferedReader(_Body(body, self), 1024 * 1024))

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """Put the answer's documents beside the drop, or below `receipts_prefix`; then move the
        original if the configuration says so."""
        folder = self._config.receipts_prefix or ""
        with self._translated(item.key):
            for document in answer.documents:
                self._client.upload_file(
                    str(document.path),
                    self._config.bucket,
                    f"{folder}{item.key}{document.suffix}",
                    ExtraArgs={"ContentType": document.content_type},
                )
            if self._config.move_to:
                self._move(item, self._config.move_to)

    def _move(self, item: Item, folder: str) -> None:
        """Copy, then delete, only the version that was loaded: a newer one stays."""
        client, bucket = self._client, self._config.bucket
        try:
            found = client.head_object(Bucket=bucket, Key=item.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return
            raise
        if found["ETag"] != item.detail["etag"]:
            return
        source = {"Bucket": bucket, "Key": item.key}
        client.copy(source, bucket, f"{folder}{item.key}")
        client.delete_object(Bucket=bucket, Key=item.key)

    def check(self) -> str:
        """Read one listing page and name the bucket."""
        with self._translated():
            self._client.list_objects_v2(
                Bucket=self._config.bucket, Prefix=self._config.prefix, MaxKeys=1
            )
            kind = "versioned " if self._versioned else ""
        where = f" at {self._config.endpoint}" if self._config.endpoint else ""
        return f"{kind}bucket {self._config.bucket}{where}"

    @cached_property
    def _versioned(self) -> bool:
        reply = self._client.get_bucket_versioning(Bucket=self._config.bucket)
        return bool(reply.get("Status") == "Enabled")

    @cached_property
    def _client(self) -> Any:
        config = self._config
        keys = {
            "aws_access_key_id": config.access_key,
            "aws_secret_access_key": (
                config.secret_key.get_secret_value() if config.secret_key else None
            ),
        }
        session = boto3.Session(region_name=config.region, **keys)  # type: ignore[arg-type]
        if config.role_arn:
            session = _assumed(session, config.role_arn)
        return session.client(
            "s3",
            endpoint_url=config.endpoint,
            verify=config.ca_file,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )

    @contextmanager
    def _translated(self, key: str = "") -> Iterator[None]:
        """Turn boto3's exceptions into ours."""
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            raise self._translate(error, key) from error

    def _translate(self, error: Exception, key: str = "") -> WaybillError:
        bucket = self._config.bucket
        if isinstance(error, NoCredentialsError):
            return AccessDeniedError(
                f"bucket {bucket}: there are no credentials",
                hint="set access_key and secret_key, or give the host a role",
            )
        if not isinstance(error, ClientError):
            return RetryableError(f"bucket {bucket} does not answer: {error}")
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "NoSuchBucket" or (code == "404" and not key):
            return ConfigError(f"there is no bucket {bucket}", hint="create it, or correct bucket")
        if code in _GONE:
            return ItemChangedError(f"{key} was overwritten or removed while it was read")
        if code in _DENIED:
            return AccessDeniedError(
                f"bucket {bucket} refuses us: {code}",
                hint="it needs s3:ListBucket, s3:GetObject and s3:PutObject for this identity",
            )
        if code in _SLOW:
            return ThrottledError(f"bucket {bucket} asks us to slow down")
        return RetryableError(f"bucket {bucket}: {error}")


class _Body(io.RawIOBase):
    """A botocore body as a raw stream whose faults are ours."""

    def __init__(self, body: Any, source: S3Source) -> None:
        self._body, self._source = body, source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._body.read(len(buffer))
        except Exception as error:
            raise self._source._translate(error) from error
        buffer[: len(data)] = data
        return len(data)


def _assumed(session: boto3.Session, role_arn: str) -> boto3.Session:
    """A session whose credentials are the role's, renewed before they expire."""
    core: Any = get_session()
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=session._session.create_client,
        source_credentials=session.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": "waybill"},
    )
    core._credentials = DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.Session(botocore_session=core, region_name=session.region_name)
