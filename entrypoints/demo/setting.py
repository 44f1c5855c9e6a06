"""The demo's setting: its config.yaml and the samples, put where their senders would."""

from __future__ import annotations

import shutil
import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from secrets import token_hex
from typing import Any

import boto3
from ruamel.yaml import YAML

from entrypoints.demo.servers import MailEndpoint, S3Endpoint, Stack
from entrypoints.extras import install
from schemas.errors import ConfigError

BUCKET, MAILBOX = "drop", "reports@example.com"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """A sample mail: who sends it, about what, with which attachments."""

    sender: str
    subject: str
    body: str
    attachments: tuple[Path, ...]


def samples() -> Path:
    """The folder of samples; raises ConfigError where they were left out."""
    # In the wheel they lie beside this module.
    for folder in (Path(__file__).with_name("samples"), ROOT / "samples"):
        if folder.is_dir():
            return folder
    raise ConfigError("the demo's samples are not installed here", hint=install("demo"))


@dataclass(frozen=True, slots=True)
class Project:
    """Where feeds and contracts lie."""

    feeds: Path = ROOT / "dags"
    contracts: Path = ROOT / "schemas"


def copy_project(folder: Path) -> Project:
    """Copy the sample feeds and contracts into the folder: what is tried there changes no
    installation."""
    copy = Project(folder / "feeds", folder / "contracts")
    for target, paths in (
        (copy.feeds, Project().feeds.glob("[!_]*.py")),
        (copy.contracts, Project().contracts.glob("*.odcs.yaml")),
    ):
        target.mkdir()
        for path in paths:
            shutil.copyfile(path, target / path.name)
    return copy


def write_config(
    folder: Path, stack: Stack, project: Project | None = None, web_port: int = 0
) -> Path:
    """The demo's config.yaml, with its secrets in files beside it."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    for name, value in (("s3", stack.s3.secret_key), ("mail", stack.mail.password)):
        (secrets / name).write_text(value, encoding="utf-8")
        (secrets / name).chmod(0o600)
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as out:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        config = _config(folder, stack, secrets, project or Project())
        yaml.dump(config | {"web": _web(secrets, web_port)}, out)
    return path


def _web(secrets: Path, port: int) -> dict[str, Any]:
    if not port:
        return {"port": port}
    key = secrets / "links"
    key.write_text(token_hex(32), encoding="utf-8")
    key.chmod(0o600)
    links = {"demo": {"secret_file": str(key)}}
    return {"port": port, "url": f"http://127.0.0.1:{port}", "link_keys": links}


def _config(folder: Path, stack: Stack, secrets: Path, project: Project) -> dict[str, Any]:
    return {
        "broker": {"url": stack.redis_url},
        "ledger": {"type": "sql", "url": f"sqlite:///{folder / 'ledger.db'}"},
        "storage": {"type": "objects", "url": str(folder / "storage")},
        "warehouse": {
            "type": "bigquery",
            "project": "demo",
            "location": "US",
            "api_endpoint": stack.bigquery_url,
            "job_timeout": 20,
        },
        "mail": {
            "type": "smtp",
            "host": stack.mail.host,
            "port": stack.mail.smtp_port,
            "tls": "none",
            "sender": MAILBOX,
        },
        "sources": {
            "drop": {
                "type": "s3",
                "bucket": BUCKET,
                "endpoint": stack.s3.url,
                "region": stack.s3.region,
                "access_key": stack.s3.access_key,
                "secret_key_file": str(secrets / "s3"),
            },
            "partners": {
                "type": "mailbox",
                "host": stack.mail.host,
                "port": stack.mail.imap_port,
                "tls": "none",
                "user": MAILBOX,
                "password_file": str(secrets / "mail"),
                "own_address": MAILBOX,
            },
        },
        "limits": {"batch_seconds": 2, "recover_seconds": 5},
        "folders": {
            "contracts": str(project.contracts),
            "feeds": str(project.feeds),
            "work": str(folder / "work"),
        },
        "concurrency": 2,
    }


def drop_samples(s3: S3Endpoint) -> int:
    """Put the sample files into the bucket, as ops would; how many."""
    client = boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
    )
    client.create_bucket(Bucket=BUCKET)
    folder = samples() / "drop"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        client.upload_file(str(path), BUCKET, path.relative_to(folder).as_posix())
    return len(paths)


def read_mails() -> list[Mail]:
    """The sample mails."""
    folder = samples() / "mail"
    listed = YAML(typ="safe", pure=True).load((folder / "messages.yaml").read_text("utf-8"))
    return [
        Mail(
            sender=each["from"],
            subject=each["subject"],
            body=each.get("body", ""),
            attachments=tuple(folder / name for name in each["attachments"]),
        )
        for each in listed["messages"]
    ]


def mail_samples(endpoint: MailEndpoint) -> int:
    """Mail the sample reports, as partners would; how many files."""
    mails = read_mails()
    with smtplib.SMTP(endpoint.host, endpoint.smtp_port, timeout=10) as smtp:
        for each in mails:
            smtp.send_message(_message(each))
    return sum(len(each.attachments) for each in mails)


def _message(mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, MAILBOX, mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain="example.com")
    message.set_content(mail.body or "Please find the report attached.\n")
    for path in mail.attachments:
        message.add_attachment(
            path.read_bytes(), maintype="text", subtype="csv", filename=path.name
        )
    return message
