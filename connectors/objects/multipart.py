"""Multipart: an object that somebody else puts into our bucket in parts, by addresses that we sign.

Only S3 is spoken: obstore signs no parts, so boto3 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connectors.objects.store import StorageConfig
from schemas.errors import AccessDeniedError, ConflictError, RetryableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OUTCOMES = {
    "NoSuchUpload": "the parts are not kept any more, or put together already",
    "InvalidPart": "a part is missing, or its ETag is another's",
    "InvalidPartOrder": "the parts are not in the order of their numbers",
    "EntityTooSmall": "a part before the last is smaller than 5 MiB",
    "MalformedXML": "the list of parts cannot be read",
}
_DENIED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class S3Multipart:
    """Parts of objects below a storage's own address (protocol `TakesParts`)."""

    def __init__(self, config: StorageConfig) -> None:
        self._config = config
        parts = urlsplit(config.url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")

    def begin(self, key: str) -> str:
        """Begin an object; the id of its parts."""
        with self._translating():
            made = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._at(key))
        return made["UploadId"]

    def part_url(self, key: str, parts_id: str, number: int, seconds: int) -> str:
        """The address to which one part is PUT within so many seconds."""
        return self._client.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": self._bucket,
                "Key": self._at(key),
                "UploadId": parts_id,
                "PartNumber": number,
            },
            ExpiresIn=seconds,
        )

    def complete(self, key: str, parts_id: str, parts: Sequence[tuple[int, str]]) -> None:
        """Put the parts, by number and ETag, together. Raises ConflictError for parts that cannot
        be."""
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        with self._translating():
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._at(key),
                UploadId=parts_id,
                MultipartUpload={"Parts": listed},  # type: ignore[typeddict-item]
            )

    def abort(self, key: str, parts_id: str) -> None:
        """Remove parts that were not put together; quiet if there are none."""
        try:
            with self._translating():
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._at(key), UploadId=parts_id
                )
        except ConflictError:
            return

    def size(self, key: str) -> int:
        """How large the object is. Raises FileNotFoundError."""
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=self._at(key))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(key) from None
            raise self._translated(error) from error
        except BotoCoreError as error:
            raise RetryableError(f"storage {self._config.url} does not answer") from error
        return found["ContentLength"]

    def _at(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._translated(error) from error
        except BotoCoreError as error:
            raise RetryableError(f"storage {self._config.url} does not answer: {error}") from error

    def _translated(self, error: ClientError) -> Exception:
        code = error.response["Error"].get("Code", "")
        if code in _OUTCOMES:
            return ConflictError(_OUTCOMES[code], hint="send the missing parts, or begin anew")
        if code in _DENIED:
            return AccessDeniedError(f"storage {self._config.url} refuses us")
        return RetryableError(f"storage {self._config.url} does not answer: {code}")

    @cached_property
    def _client(self) -> S3Client:
        config, ca_file = self._config, self._config.ca_file
        secret = config.secret_key
        # Path style for servers other than Amazon's, whose buckets have no names of their own.
        style: Literal["path", "auto"] = "path" if config.endpoint else "auto"
        return boto3.client(
            "s3",
            endpoint_url=config.endpoint,
            region_name=config.region,
            aws_access_key_id=config.access_key,
            aws_secret_access_key=secret.get_secret_value() if secret is not None else None,
            verify=str(ca_file) if ca_file is not None else None,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                connect_timeout=10,
                read_timeout=60,
                retries={"total_max_attempts": 3, "mode": "standard"},
            ),
        )
