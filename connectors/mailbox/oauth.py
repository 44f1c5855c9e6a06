"""Access tokens for XOAUTH2: from Microsoft, from Google, or from any OAuth 2.0 server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.paths import LocalFile, with_secrets_from_files
from schemas.errors import AccessDeniedError, RetryableError


class _OAuth(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, value: Any) -> Any:
        return with_secrets_from_files(dict(value), cls) if isinstance(value, dict) else value


class ClientCredentials(_OAuth):
    """Any server's client credentials grant (RFC 6749 section 4.4)."""

    type: Literal["client_credentials"] = "client_credentials"
    """Which kind of login this is."""
    token_url: str
    """Where tokens are given out."""
    client_id: str
    """The client's id at that server."""
    client_secret: SecretStr
    """The client's secret."""
    scope: str
    """What the token is for, in the server's own words."""


class Microsoft(_OAuth):
    """An application of Microsoft Entra that may read the mailbox by itself (app-only): it needs
    the permission IMAP.AccessAsApp and its service principal registered in Exchange."""

    type: Literal["microsoft"] = "microsoft"
    """Which kind of login this is."""
    tenant: str
    """The directory's id or domain."""
    client_id: str
    """The application's id."""
    client_secret: SecretStr
    """One of the application's client secrets."""
    authority: str = "https://login.microsoftonline.com"
    """Where Microsoft gives out tokens; national clouds have another address."""
    ca_file: LocalFile | None = None
    """What to trust of another authority than Microsoft's own."""


class Google(_OAuth):
    """A Google account: by a service account that may act for the whole domain, or by a refresh
    token that the mailbox's owner has granted to a client."""

    type: Literal["google"] = "google"
    """Which kind of login this is."""
    service_account_file: LocalFile | None = None
    """The key file of a service account that may act for everybody in the domain."""
    client_id: str | None = None
    """With a refresh token: the id of the client it was granted to."""
    client_secret: SecretStr | None = None
    """With a refresh token: the secret of that client."""
    refresh_token: SecretStr | None = None
    """The token that the mailbox's owner has granted."""
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    """Where tokens are given out."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        token = (self.client_id, self.client_secret, self.refresh_token)
        if any(token) == bool(self.service_account_file) or (any(token) and not all(token)):
            raise ValueError(
                "give service_account_file, or client_id, client_secret and refresh_token"
            )
        return self


OAuth = Annotated[ClientCredentials | Microsoft | Google, Field(discriminator="type")]

_MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
_GOOGLE_SCOPE = "https://mail.google.com/"


_MARGIN_SECONDS = 300
"""A token is not used in the last minutes of its life: a login takes a while."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


_KNOWN: dict[tuple[ClientCredentials | Microsoft | Google, str], _Token] = {}


def access_token(
    oauth: ClientCredentials | Microsoft | Google, user: str, *, fresh: bool = False
) -> str:
    """A token for the user's mailbox; raises AccessDeniedError or RetryableError.

    This process keeps it until it expires; `fresh` asks for another all the same.
    """
    known = _KNOWN.get((oauth, user))
    if fresh or known is None or known.until < time.monotonic():
        match oauth:
            case Microsoft():
                text, seconds = _from_microsoft(oauth)
            case Google():
                text, seconds = _from_google(oauth, user)
            case _:
                text, seconds = _from_server(oauth)
        known = _Token(text, time.monotonic() + seconds - _MARGIN_SECONDS)
        _KNOWN[oauth, user] = known
    return known.text


def _from_microsoft(oauth: Microsoft) -> tuple[str, float]:
    import msal
    import requests

    authority = f"{oauth.authority.rstrip('/')}/{oauth.tenant}"
    try:
        app = msal.ConfidentialClientApplication(
            oauth.client_id,
            client_credential=oauth.client_secret.get_secret_value(),
            authority=authority,
            instance_discovery=False,
            http_client=_http(oauth.ca_file),
        )
        answer = app.acquire_token_for_client([_MICROSOFT_SCOPE])
    except (requests.RequestException, ValueError) as error:
        # A tenant that does not exist is a ValueError of the library.
        if isinstance(error, requests.RequestException):
            raise RetryableError(f"{authority} does not answer: {error}") from error
        raise AccessDeniedError(
            f"{authority} is no authority that gives tokens", hint="check oauth.tenant"
        ) from error
    return _token(answer, oauth.client_id)


def _http(ca_file: Path | None) -> Any:
    """A session with patience; what it trusts is said by request, which no environment changes."""
    import requests

    session = requests.Session()
    options: dict[str, Any] = {"timeout": 30}
    if ca_file is not None:
        options["verify"] = str(ca_file)
    session.request = partial(session.request, **options)  # type: ignore[method-assign]
    return session


def _from_google(oauth: Google, user: str) -> tuple[str, float]:
    import google.auth.transport.requests
    from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
    from google.oauth2 import credentials, service_account

    made: Any
    try:
        if oauth.service_account_file:
            made = service_account.Credentials.from_service_account_file(
                str(oauth.service_account_file), scopes=[_GOOGLE_SCOPE], subject=user
            )
        else:
            assert oauth.refresh_token
            assert oauth.client_secret
            made = credentials.Credentials(
                None,
                refresh_token=oauth.refresh_token.get_secret_value(),
                token_uri=oauth.token_url,
                client_id=oauth.client_id,
                client_secret=oauth.client_secret.get_secret_value(),
                scopes=[_GOOGLE_SCOPE],
            )
        made.refresh(google.auth.transport.requests.Request())
    except TransportError as error:
        raise RetryableError(f"Google's token endpoint does not answer: {error}") from error
    except (GoogleAuthError, ValueError) as error:
        if isinstance(error, RefreshError) and error.retryable:
            raise RetryableError(f"Google gives no token for {user} just now") from error
        raise AccessDeniedError(
            f"Google gives no token for {user}: {error.args[0] if error.args else error}",
            hint="check oauth, and that the service account may act for the domain",
        ) from error
    # The library's moments are in UTC, but do not say so.
    left = made.expiry.replace(tzinfo=UTC) - datetime.now(UTC) if made.expiry else timedelta()
    return str(made.token), left.total_seconds()


def _from_server(oauth: ClientCredentials) -> tuple[str, float]:
    import urllib3

    try:
        reply = urllib3.PoolManager(timeout=30, retries=2).request(
            "POST",
            oauth.token_url,
            fields={
                "grant_type": "client_credentials",
                "client_id": oauth.client_id,
                "client_secret": oauth.client_secret.get_secret_value(),
                "scope": oauth.scope,
            },
            encode_multipart=False,
        )
        answer = reply.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise RetryableError(f"the token endpoint {oauth.token_url} does not answer") from error
    if reply.status >= 500:
        raise RetryableError(f"the token endpoint {oauth.token_url} answers {reply.status}")
    return _token(answer, oauth.client_id)


def _token(answer: dict[str, Any], client_id: str) -> tuple[str, float]:
    """The token of an answer, and how many seconds it is good for."""
    if "access_token" not in answer:
        raise AccessDeniedError(
            f"no access token for {client_id}: {answer.get('error', 'refused')}",
            hint="check client_id, client_secret and scope",
        )
    try:
        return str(answer["access_token"]), float(answer.get("expires_in", 0))
    except (TypeError, ValueError):
        return str(answer["access_token"]), 0
