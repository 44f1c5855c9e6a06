"""The console as whoever signs in meets it: on PostgreSQL, with a provider of single sign-on and a
mail server, all as processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from console_world import ConsoleWorld, console_world
from entrypoints.demo.process import HOST, free_ports, running
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import MailboxServer
from postgres_database import postgres_database


@dataclass
class Provider:
    """A provider of single sign-on, in which everybody may say who they are."""

    url: str

    def person(self, subject: str, **claims: Any) -> None:
        """What it says of somebody from now on."""
        answer = httpx.put(f"{self.url}/users/{subject}", json=claims, trust_env=False)
        assert answer.status_code == 204, answer.text


@contextmanager
def provider(folder: Path) -> Iterator[Provider]:
    """A provider; it refuses whoever asks without a nonce."""
    folder.mkdir(exist_ok=True)
    [port] = free_ports(1)
    command = [sys.executable, "-m", "oidc_provider_mock", "-H", HOST, "-p", str(port), "-n", "yes"]
    url = f"http://{HOST}:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/jwks", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    with running("oidc", command, folder, answers):
        yield Provider(url)


@dataclass
class PeopleWorld:
    """The console, and what stands around it."""

    console: ConsoleWorld
    provider: Provider
    mailboxes: MailboxServer
    database: str

    @property
    def url(self) -> str:
        """Its address by name: no browser keeps a passkey for a number."""
        return self.console.url.replace(HOST, "localhost")


@contextmanager
def people_world(
    folder: Path,
    redis_url: str,
    postgres_url: str,
    mail: MailEndpoint,
    groups_claim: str | None = None,
) -> Iterator[PeopleWorld]:
    [port] = free_ports(1)
    secret = folder / "client_secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    smtp = {
        "type": "smtp",
        "host": mail.host,
        "port": mail.smtp_port,
        "tls": "none",
        "sender": "w@example.com",
    }
    with postgres_database(postgres_url) as url, provider(folder / "provider") as sso:
        oidc = {"issuer": sso.url, "client_id": "waybill", "client_secret_file": str(secret)}
        if groups_claim is not None:
            oidc["groups_claim"] = groups_claim
        name = f"http://localhost:{port}"
        with console_world(
            folder, redis_url, url, mail=smtp, port=port, url=name, oidc=oidc
        ) as console:
            mailboxes = MailboxServer(mail.host, mail.imap_port, mail.password)
            yield PeopleWorld(console, sso, mailboxes, url)
