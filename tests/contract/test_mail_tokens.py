"""Tokens for mailboxes, asked of a local server in place of Microsoft's and Google's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import TypeAdapter, ValidationError

from connectors.mailbox.oauth import OAuth, access_token
from schemas.errors import AccessDeniedError, RetryableError
from token_endpoint import TokenEndpoint

USER = "reports@example.com"
OAUTH: TypeAdapter[OAuth] = TypeAdapter(OAuth)


def token(**given: object) -> str:
    return access_token(OAUTH.validate_python(given), USER)


def test_any_server_gives_a_token_for_client_credentials(
    tokens: TokenEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("right\n")
    given = {"type": "client_credentials", "client_id": USER, "scope": "mail"}
    good = {**given, "token_url": tokens.token_url, "client_secret_file": str(tmp_path / "secret")}
    assert tokens.given[token(**good)] == USER
    with pytest.raises(AccessDeniedError, match="invalid_client"):
        token(**given, token_url=tokens.token_url, client_secret="wrong")
    with pytest.raises(RetryableError, match="does not answer"):
        token(**given, token_url="http://127.0.0.1:9/token", client_secret="right")


def test_microsoft_gives_a_token_to_an_application(
    secure_tokens: TokenEndpoint, authority_file: Path
) -> None:
    given = {
        "type": "microsoft", "tenant": "example.com", "client_id": USER,
        "authority": secure_tokens.url, "ca_file": str(authority_file),
    }  # fmt: skip
    assert secure_tokens.given[token(**given, client_secret="right")] == USER
    assert secure_tokens.asked[-1]["scope"] == "https://outlook.office365.com/.default"
    with pytest.raises(AccessDeniedError, match="invalid_client"):
        token(**given, client_secret="wrong")
    with pytest.raises(RetryableError, match="does not answer"):
        token(**{**given, "authority": "https://127.0.0.1:9"}, client_secret="right")


def test_google_gives_a_token_to_a_service_account_or_for_a_refresh_token(
    tokens: TokenEndpoint, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account", "client_email": "waybill@example.com", "private_key_id": "1",
        "private_key": key.decode(), "token_uri": tokens.token_url,
    }  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    file = str(tmp_path / "account.json")
    assert tokens.given[token(type="google", service_account_file=file)] == USER
    given = {"type": "google", "client_id": USER, "client_secret": "right"}
    url = {"token_url": tokens.token_url}
    assert tokens.given[token(**given, **url, refresh_token="lasting")] == USER
    with pytest.raises(AccessDeniedError, match="no token for reports"):
        token(**{**given, "client_secret": "wrong"}, **url, refresh_token="lasting")
    with pytest.raises(ValidationError, match="service_account_file, or client_id"):
        token(**given)
