"""How to get at a bucket: its configuration, a boto3 client, and what its errors mean."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import (
    NoCredentialsError,
)
from botocore.session import Session, get_session
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.paths import LocalFile
from connectors.s3.events_config import EventsConfig, FullListing
from schemas.errors import (
    ConfigError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Receipts(BaseModel):
    """Where the answers about a bucket's objects go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: Literal["beside", "none", "prefix", "bucket", "mail"] = "beside"
    """Beside the object, nowhere, below a prefix of the bucket, in another bucket, or by mail."""
    prefix: str | None = None
    """With `prefix` and `bucket`: the folder below which they go."""
    bucket: str | None = None
    """With `bucket`: another one, which the same keys may write to."""
    address: str | None = None
    """With `mail`: who is told of every file."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"prefix": "prefix", "bucket": "bucket", "mail": "address"}.get(self.to)
        if needed and not getattr(self, needed):
            raise ValueError(f"receipts: to: {self.to} needs {needed}")
        return self


class S3Config(BaseModel):
    """A bucket and how to get at it; without keys, boto3's own chain finds credentials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str = Field(min_length=1)
    """The bucket's name."""
    prefix: str = ""
    """Only keys that start with it are listed; the globs of feeds match whole keys."""
    endpoint: str | None = None
    """The address of a server other than Amazon's."""
    region: str | None = None
    """The region of the bucket; without it boto3's own settings say it."""
    access_key: str | None = None
    """The id of an access key; without it boto3's own chain finds credentials."""
    secret_key: SecretStr | None = None
    """The secret of that access key."""
    role_arn: str | None = None
    """A role to assume with those credentials."""
    sts_endpoint: str | None = None
    """The address where the role is assumed, if it is not Amazon's."""
    verify_tls: bool = True
    """Whether the server's certificate is verified; false only for a test server."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM)."""
    receipts_prefix: str | None = None
    """Receipts go below this folder instead of beside the drop."""
    receipts: Receipts | None = None
    """Where receipts go; `receipts_prefix` is short for `{to: prefix, prefix: …}`."""
    requester_pays: bool = False
    """Whether Waybill's account pays for requests to a bucket of somebody else (requester pays)."""
    archived: Literal["wait", "refuse"] = "wait"
    """What happens to objects in an archive (Glacier): they wait until somebody restores them, or
    are refused."""
    move_to: str | None = None
    """Originals move below this folder once they are acknowledged; a later version of the same
    key replaces the earlier one there."""

    events: EventsConfig | None = None
    """A queue that tells what arrives, so that `waybill watch` takes it in at once."""
    full_listing: FullListing | None = None
    """How often the whole bucket is listed; every hour, if there are `events`."""

    @field_validator(
        "endpoint", "region", "access_key", "secret_key", "sts_endpoint", mode="before"
    )
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        """An environment variable that is set but empty counts as not set."""
        return None if value == "" else value

    @field_validator("receipts_prefix", "move_to")
    @classmethod
    def _as_folder(cls, value: str | None) -> str | None:
        return f"{value.strip('/')}/" if value and value.strip("/") else None

    @property
    def answers(self) -> Receipts:
        """Where answers go, however that was written."""
        if self.receipts is not None:
            return self.receipts
        if self.receipts_prefix is not None:
            return Receipts(to="prefix", prefix=self.receipts_prefix)
        return Receipts()

    @property
    def answers_prefix(self) -> str:
        """The folder in front of an answer's key, with its slash; empty beside the drop."""
        prefix = (self.answers.prefix or "").strip("/")
        return f"{prefix}/" if prefix else ""

    @model_validator(mode="after")
    def _one_receipts(self) -> Self:
        if self.receipts is not None and self.receipts_prefix is not None:
            raise ValueError("receipts_prefix is short for receipts: give one of them")
        return self

    @property
    def full_listing_period(self) -> timedelta | None:
        """How often the bucket is listed whole while events tell what arrives."""
        if self.events is None:
            return None
        return (self.full_listing or FullListing(hours=1)).period

    @model_validator(mode="after")
    def _listing_of_events(self) -> Self:
        if self.full_listing is not None and self.events is None:
            raise ValueError("full_listing: without events the bucket is listed on schedule")
        return self

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together: give both or neither")
        return self


def session(config: S3Config) -> boto3.Session:
    """A session with the credentials of that configuration; connects to nothing yet."""
    core = get_session()
    if config.access_key and config.secret_key:
        core.set_credentials(config.access_key, config.secret_key.get_secret_value())
    if config.role_arn:
        core = _in_role(core, config)
    return boto3.Session(botocore_session=core)


def new_client(config: S3Config) -> S3Client:
    """A client for that bucket; connects to nothing yet. Raises ConfigError."""
    verify = str(config.ca_file) if config.ca_file else config.verify_tls
    try:
        client = session(config).client(
            "s3",
            region_name=config.region,
            endpoint_url=config.endpoint,
            verify=verify,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                max_pool_connections=16,
                retries={"mode": "standard", "total_max_attempts": 4},
                # Servers other than Amazon's seldom know buckets as host names, or checksums
                # that nobody asked for.
                s3={"addressing_style": "path" if config.endpoint else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required"
                if config.endpoint
                else "when_supported",
            ),
        )
    except ValueError as error:
        raise ConfigError(f"bucket {config.bucket}: {error}") from error
    if config.requester_pays:
        # Every request says that we pay, whichever part of boto3 makes it.
        client.meta.events.register("before-sign.s3", _say_we_pay)
    return client


def _say_we_pay(request: AWSRequest, **_: object) -> None:
    request.headers["x-amz-request-payer"] = "requester"


class _RoleProvider(CredentialProvider):
    """Credentials of a role, renewed by botocore before they expire."""

    METHOD = "assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(
            method=self.METHOD, refresh_using=self._fetcher.fetch_credentials
        )


def _in_role(core: Session, config: S3Config) -> Session:
    """A session that acts as the configured role, assumed with the given session's credentials."""
    own = core.get_credentials()
    if own is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(
            core.create_client, region_name=config.region, endpoint_url=config.sts_endpoint
        ),
        source_credentials=own,
        role_arn=config.role_arn or "",
        extra_args={"RoleSessionName": "waybill"},
    )
    acting = get_session()
    acting.register_component("credential_provider", CredentialResolver([_RoleProvider(fetcher)]))
    return acting
