"""What a bucket's refusals, and boto3's other exceptions, mean for us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)

from schemas.errors import (
    AccessDeniedError,
    AwayError,
    ConfigError,
    ItemChangedError,
    ItemDeniedError,
    RetryableError,
    ThrottledError,
    WaybillError,
)

GONE = frozenset({"NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412"})
"""Error codes of an object that is no longer what it was."""

_DENIED = frozenset(
    {
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
    }
)
_MISDIRECTED = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "InvalidBucketName"}
)
_RESTORING_SECONDS = 3600.0
_SLOW = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
)


@contextmanager
def translating(bucket: str, key: str = "") -> Iterator[None]:
    """Turn boto3's exceptions into ours."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        raise translated(error, bucket, key) from error


def translated(error: Exception, bucket: str, key: str = "") -> WaybillError:
    """What an exception of boto3 means for us; `key` is the object that was asked for, if any."""
    if isinstance(error, ClientError):
        return _refusal(error, bucket, key)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return AccessDeniedError(
            f"bucket {bucket}: there are no credentials",
            hint="set access_key and secret_key, or give the host a role",
        )
    if isinstance(error, NoRegionError | ParamValidationError | ProfileNotFound):
        return ConfigError(f"bucket {bucket}: {error}")
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigError(
            f"bucket {bucket}: the server's certificate is not trusted: {error}",
            hint="set ca_file to the certificate of its authority",
        )
    return AwayError(f"bucket {bucket} does not answer: {error}")


def _refusal(error: ClientError, bucket: str, key: str) -> WaybillError:
    """What a refusal by the server means. Its codes:
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket" or (code == "404" and not key):
        return ConfigError(f"there is no bucket {bucket}", hint="create it, or correct `bucket`")
    if key and code in GONE:
        return ItemChangedError(f"{key} was overwritten or removed")
    if code == "InvalidObjectState":
        return AwayError(
            f"{key} is archived: it is read once it is restored",
            hint="restore it (aws s3api restore-object)",
            wait=_RESTORING_SECONDS,
        )
    if code == "RequestTimeTooSkewed":
        return RetryableError(
            f"bucket {bucket} refuses us: this machine's clock is wrong by more than 15 minutes",
            hint="set the clock by NTP",
        )
    if key and code not in _DENIED and (status == 403 or "KMS" in code.upper()):
        operation = error.operation_name
        return ItemDeniedError(
            f"{key}: bucket {bucket} refuses it ({code or status} in {operation})",
            hint="check who may read and write this object, and the key it is encrypted with",
        )
    if code in _DENIED or status in (401, 403):
        return AccessDeniedError(
            f"bucket {bucket} refuses us: {code} in {error.operation_name}",
            hint="check the keys, and that they may list, read and write: s3:ListBucket,"
            " s3:GetBucketVersioning, s3:GetObject, s3:PutObject; in a versioned bucket also"
            " s3:ListBucketVersions and s3:GetObjectVersion; with move_to also s3:DeleteObject",
        )
    if code in _SLOW or status == 429:
        return ThrottledError(f"bucket {bucket} asks us to slow down")
    if code in _MISDIRECTED:
        return ConfigError(f"bucket {bucket}: {error}", hint="correct bucket, region or endpoint")
    if status == 400 and key and ("KMS" in str(error).upper() or "ENCRYPT" in str(error).upper()):
        return ItemDeniedError(f"{key}: bucket {bucket}: {error}")
    kind = AwayError if status >= 500 else RetryableError
    return kind(f"bucket {bucket}: {error}")
