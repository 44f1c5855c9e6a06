"""What BigQuery's errors mean for us: https://cloud.google.com/bigquery/docs/error-messages.

Google's client has already waited and tried again, ever longer up to `client.REQUEST_SECONDS`,
where Google says that this helps: rate limits, 5xx, broken connections. What still comes through is
tried again when `recover` next looks at the ledger; `quotaExceeded` after minutes.
"""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, RetryError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.exceptions import TransportError as AuthTransportError

from schemas.errors import (
    AccessDeniedError,
    AttemptSpentError,
    ConfigError,
    DataError,
    FatalError,
    RetryableError,
    TableDiffersError,
    ThrottledError,
    WaybillError,
)

STAGING_INCOMPLETE = "waybill: the staging table is not complete"
"""What the transaction raises when it does not find the rows that were staged."""
OTHER_GENERATION = "waybill: the last commit of the table is not the one the ledger knows of"
"""What it raises when ledger or warehouse are not as the last commit has left them."""

_SERVER_ERROR = 500
_DENIED = {
    "accessDenied",
    "authError",
    "billingNotEnabled",
    "blocked",
    "forbidden",
    "proxyAuthenticationRequired",
    "required",
}
RATE_LIMITED = frozenset({"rateLimitExceeded", "jobRateLimitExceeded"})
"""Limits that are over within seconds."""
_RETRYABLE = RATE_LIMITED | {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "badGateway",
    "resourceInUse",
    "stopped",
    "tableUnavailable",
    "timeout",
    "conditionNotMet",
}
_BUSY = re.compile(r"too many dml statements outstanding|too many concurrent", re.I)
"""Said with reasons that otherwise mean something else: https://issuetracker.google.com"""
_TOO_MUCH = {"resourcesExceeded", "responseTooLarge"}
"""Fewer files at once may do."""
_CONFLICT = re.compile(
    r"concurrent update|transaction is aborted|could not serialize|failed to commit"
    r"|transaction conflict",
    re.I,
)
_DATA = re.compile(
    r"not null constraint|required (field|column|value)|null (value|is not allowed)"
    r"|overflow|out of range|maximum length|too many partitions|invalid input|parse"
    r"|bad \w+ value|invalid \w+ value|could not (cast|convert)|conversion error"
    r"|error while reading data|not in parquet format",
    re.I,
)
_PLACE = re.compile(
    r"dataset \S+ was not found in location|different location"
    r"|cannot (read|write|load|query) .{0,200}\blocations?\b",
    re.I,
)
_SCHEMA = re.compile(
    r"provided schema does not match|does not match the target cpp_type|schema update"
    r"|cannot add (required )?fields|unexpected field|has changed (type|mode)|no such field"
    r"|unrecognized name|column \S+ is not present in table",
    re.I,
)
_DIFFERS = "run `waybill plan` to see what differs from the contract"
_SMALLER = "ask for less at once: a feed, a time, fewer partitions"
_PROGRAM = re.compile(r"syntax error|unrecognized name|not found|no matching signature", re.I)


@contextmanager
def translated(doing: str, *, of_data: bool = False) -> Iterator[None]:
    """Raise `schemas.errors` in place of Google's. `doing` completes "BigQuery did not …"; see
    `meaning` for `of_data`."""
    try:
        yield
    except (
        GoogleAPIError,
        GoogleAuthError,
        requests.RequestException,
        concurrent.futures.TimeoutError,
        ConnectionError,
    ) as error:
        raise translate(error, doing, of_data=of_data) from error


def translate(error: BaseException, doing: str, *, of_data: bool = False) -> WaybillError:
    """Our error for one of Google's."""
    if isinstance(error, RetryError) and error.cause is not None:
        error = error.cause
    if isinstance(error, GoogleAPICallError):
        first = error.errors[0] if error.errors else {}
        reason = first.get("reason", "") if isinstance(first, dict) else ""
        message = first.get("message", "") if isinstance(first, dict) else ""
        return meaning(reason, message or str(error), doing, error.code, of_data=of_data)
    if isinstance(error, DefaultCredentialsError):
        return ConfigError(
            "there are no credentials for BigQuery",
            hint="set warehouse.credentials_file, or run `gcloud auth application-default login`",
        )
    if isinstance(error, GoogleAuthError) and not (
        isinstance(error, AuthTransportError) or error.retryable
    ):
        return AccessDeniedError(f"BigQuery refused our credentials: {_line(str(error))}")
    return RetryableError(f"BigQuery did not {doing}: no answer ({type(error).__name__})")


def meaning(
    reason: str, message: str, doing: str, code: int | None = None, *, of_data: bool = False
) -> WaybillError:
    """Our error for an error's `reason`, message and HTTP status.

    Only a job that reads files' rows (`of_data`) can be refused for them.
    """
    said = f"BigQuery did not {doing}: {_line(message)}"
    if STAGING_INCOMPLETE in message:
        return AttemptSpentError(f"{doing}: the staging table is gone or not complete")
    if OTHER_GENERATION in message:
        return FatalError(
            f"BigQuery did not {doing}: the table's last load is not the one that the ledger knows"
            " of. One of them was restored from an older copy, or another service loads the table",
            hint="stop the other service, if there is one; then `waybill reconcile`, and"
            " `waybill resume` for the feed",
        )
    # The message before the reason: the same reason is given for what others do and for our data.
    if _BUSY.search(message):
        return ThrottledError(said)
    if _PLACE.search(message):
        return ConfigError(
            said, hint="warehouse.location must be where the datasets are; see `waybill doctor`"
        )
    if _SCHEMA.search(message):
        return TableDiffersError(
            said, hint="run `waybill plan` to see what differs from the contract"
        )
    if reason == "quotaExceeded":
        return ThrottledError(said)
    if reason in _DENIED or code == requests.codes.unauthorized:
        return AccessDeniedError(said, hint="check the service account's roles")
    if reason in _RETRYABLE or code == requests.codes.too_many_requests:
        return RetryableError(said)
    if (code or 0) >= _SERVER_ERROR and code != requests.codes.not_implemented:
        return RetryableError(said)
    if reason in _TOO_MUCH:
        return DataError(said) if of_data else FatalError(said, hint=_SMALLER)
    if _is_conflict(message, code) or code == requests.codes.request_timeout:
        return RetryableError(said)
    if reason == "notFound" or code == requests.codes.not_found:
        return TableDiffersError(said, hint="run `waybill apply` to create what is missing")
    if reason == "bytesBilledLimitExceeded":
        return FatalError(
            said,
            hint="touch fewer partitions at once, or raise warehouse.maximum_bytes_billed",
        )
    if code == requests.codes.forbidden:
        return AccessDeniedError(said, hint="check the project's billing and permissions")
    if of_data and _DATA.search(message) and not _PROGRAM.search(message):
        return DataError(said)
    return FatalError(said, hint=_DIFFERS)


def is_conflict(error: GoogleAPICallError) -> bool:
    """Whether somebody else has changed the same thing at the same time: looking anew helps."""
    return _is_conflict(str(error), error.code)


def _is_conflict(message: str, code: int | None) -> bool:
    lost = (requests.codes.conflict, requests.codes.precondition_failed)
    return code in lost or _CONFLICT.search(message) is not None


def _line(message: str) -> str:
    """The first line of a vendor's message, short enough to be read."""
    return message.strip().split("\n", 1)[0][:500]
