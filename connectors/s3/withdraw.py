"""Withdraw: a document that was left in a bucket, taken back if it is still the one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from connectors.s3.refusals import GONE, translated, translating
from schemas.errors import ItemDeniedError
from schemas.left_document import LeftDocument

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def withdraw(client: S3Client, bucket: str, key: str, left: LeftDocument, instead: bytes) -> bool:
    """Remove the object if it has the very bytes that were left; whether it had. Where nothing may
    be removed, and where the server knows no removal on a condition, `instead` is written over it;
    where it may not even be read, and where the server knows no condition at all, it stays."""
    with translating(bucket, key):
        try:
            etag = client.head_object(Bucket=bucket, Key=key)["ETag"]
            found = client.get_object(Bucket=bucket, Key=key, IfMatch=etag)
            if not left.is_in(found["Body"]):
                return False
            _remove(client, bucket, key, etag, instead)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return False
            if _is_denied(error) or _is_beyond_it(error):
                log.warning("bucket %s: %r is stale, and may not be removed", bucket, key)
                return False
            if isinstance(translated(error, bucket, key), ItemDeniedError):
                log.warning("bucket %s: %r is stale, and cannot be read", bucket, key)
                return False
            raise
    return True


def _remove(client: S3Client, bucket: str, key: str, etag: str, instead: bytes) -> None:
    """Remove an object that is still the one of that ETag, or write over it."""
    try:
        client.delete_object(Bucket=bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if not (_is_denied(error) or _is_beyond_it(error)):
            raise
        kind = "text/plain; charset=utf-8"
        client.put_object(Bucket=bucket, Key=key, Body=instead, ContentType=kind, IfMatch=etag)


def _is_denied(error: ClientError) -> bool:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def _is_beyond_it(error: ClientError) -> bool:
    """Whether the server cannot do it at all: not all know conditions, without which we might
    remove, or write over, what somebody has just put there."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] in (405, 501)
