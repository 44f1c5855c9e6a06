"""TLS is verified by default: a server whose authority nobody trusts is refused, by each part.

Every case also connects with the authority named, so that the refusal is about trust alone.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr, ValidationError

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from entrypoints.cli.setup import _check_broker
from entrypoints.config.settings import Broker
from entrypoints.demo.process import free_ports
from entrypoints.demo.servers import MailEndpoint, S3Endpoint
from entrypoints.worker.app import _options
from schemas.errors import WaybillError
from schemas.limits import Limits
from tls_front import Front, authority, tls_front


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


@pytest.fixture
def redis_front(redis_url: str, tmp_path: Path) -> Iterator[Front]:
    with tls_front(tmp_path, port_of(redis_url)) as front:
        yield front


def _ping(broker: Broker) -> None:
    """What the worker's connection does first, with the options that the service gives Celery."""

    settings: Any = SimpleNamespace(
        broker=broker,
        concurrency=1,
        folders=SimpleNamespace(work=Path("work")),
        limits=Limits(),
    )
    options = _options(settings)
    app = Celery("test", broker=broker.url.get_secret_value(), set_as_current=False)
    app.conf.broker_use_ssl = options["broker_use_ssl"]
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
        channel: Any = connection.default_channel  # of Redis: with a client
        channel.client.ping()


def test_a_redis_nobody_vouches_for_is_refused(redis_front: Front) -> None:
    url = SecretStr(f"rediss://localhost:{redis_front.port}/0")
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _ping(Broker(url=url))
    with pytest.raises(WaybillError, match="certificate verify failed"):
        _check_broker(Broker(url=url))
    trusted = Broker(url=url, ca_file=redis_front.ca_file)
    _ping(trusted)
    assert _check_broker(trusted)
    elsewhere = SecretStr(f"rediss://127.0.0.1:{redis_front.port}/0")
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _ping(Broker(url=elsewhere, ca_file=redis_front.ca_file))
    # A query cannot switch it off unseen.
    loose = SecretStr(f"rediss://localhost:{redis_front.port}/0?ssl_cert_reqs=none")
    with pytest.raises(ValidationError, match=r"broker\.ca_file"):
        Broker(url=loose)


def test_an_s3_server_nobody_vouches_for_is_refused(
    s3_endpoint: S3Endpoint, tmp_path: Path
) -> None:
    with tls_front(tmp_path, port_of(s3_endpoint.url)) as front:

        def source(**changes: Any) -> S3Source:
            return S3Source(
                S3Config(
                    bucket="nowhere",
                    endpoint=f"https://localhost:{front.port}",
                    region=s3_endpoint.region,
                    access_key=s3_endpoint.access_key,
                    secret_key=SecretStr(s3_endpoint.secret_key),
                    **changes,
                )
            )

        with pytest.raises(WaybillError, match="not trusted"):
            source().check()
        with pytest.raises(WaybillError, match="no bucket nowhere"):
            source(ca_file=front.ca_file).check()


def test_an_imap_server_nobody_vouches_for_is_refused(
    mail_endpoint: MailEndpoint, tmp_path: Path
) -> None:
    with tls_front(tmp_path, mail_endpoint.imap_port) as front:

        def source(**changes: Any) -> MailboxSource:
            return MailboxSource(
                MailboxConfig(
                    host="localhost",
                    port=front.port,
                    user="a@example.com",
                    password=SecretStr(mail_endpoint.password),
                    **changes,
                )
            )

        with pytest.raises(WaybillError, match="not trusted"):
            source().check()
        assert source(ca_file=str(front.ca_file)).check()


def _smtp_verifies(port: int, tls: str, ca_file: Path) -> None:
    config = SmtpConfig.model_validate(
        {"host": "localhost", "port": port, "tls": tls, "sender": "r@example.com"}
    )
    with pytest.raises(WaybillError, match="not trusted"):
        SmtpNotifier(config).check()
    assert SmtpNotifier(config.model_copy(update={"ca_file": str(ca_file)})).check()


def test_an_smtp_server_nobody_vouches_for_is_refused(
    mail_endpoint: MailEndpoint, tmp_path: Path
) -> None:
    with tls_front(tmp_path, mail_endpoint.smtp_port) as front:
        _smtp_verifies(front.port, "tls", front.ca_file)


def test_the_same_after_starttls(tmp_path: Path) -> None:
    ca, ca_file = authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    [port] = free_ports(1)
    server = Controller(Sink(), hostname="127.0.0.1", port=port, tls_context=context)
    server.start()
    try:
        _smtp_verifies(port, "starttls", ca_file)
    finally:
        server.stop()


def test_a_postgresql_elsewhere_must_prove_itself(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()

    def tls(url: str, **changes: Any) -> dict[str, str]:
        return LedgerConfig(url=SecretStr(url), **changes).tls

    strict = {"sslmode": "verify-full", "sslrootcert": "system"}
    assert tls("postgresql://u:p@db.example.com/waybill") == strict
    assert tls("postgresql://u:p@10.0.0.7/waybill") == strict
    assert tls("postgresql://db/waybill", ca_file=ca_file) == {
        "sslmode": "verify-full",
        "sslrootcert": str(ca_file),
    }
    assert tls("postgresql://u@db/waybill?sslmode=disable") == {}
    for local in ("localhost", "127.0.0.1", "[::1]", ""):
        assert tls(f"postgresql://u@{local}/waybill") == {}
    assert tls("postgresql:///waybill?host=/var/run/postgresql") == {}


def test_a_postgresql_without_tls_is_refused_when_it_must_be_verified(
    postgres_url: str, tmp_path: Path
) -> None:
    """The rule as libpq keeps it: this server has no TLS at all, and is left."""
    url = f"{postgres_url}?sslmode=verify-full&sslrootcert=system"
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    with pytest.raises(WaybillError, match="does not support SSL"):
        ledger.check()


def test_a_postgresql_nobody_vouches_for_is_refused(postgres_url: str, tmp_path: Path) -> None:
    def ledger(port: int, query: str = "", ca_file: Path | None = None) -> SqlLedger:
        url = f"postgresql://etl@localhost:{port}/postgres?sslmode=verify-full{query}"
        return SqlLedger(LedgerConfig(url=SecretStr(url), ca_file=ca_file))

    with tls_front(tmp_path, port_of(postgres_url), postgresql=True) as front:
        with pytest.raises(WaybillError, match="certificate verify failed"):
            ledger(front.port, "&sslrootcert=system").check()
        ledger(front.port, ca_file=front.ca_file).migrate()
        ledger(front.port, ca_file=front.ca_file).check()
    with tls_front(tmp_path, port_of(postgres_url), "db.example.com", postgresql=True) as other:
        with pytest.raises(WaybillError, match="does not match host name"):
            ledger(other.port, ca_file=other.ca_file).check()
