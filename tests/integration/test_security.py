"""Hostile names, files and mails, and secrets that must never be written anywhere."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import smtplib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from ruamel.yaml import YAML

from connectors.bigquery import names
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from connectors.smtp.notifier import compose
from entrypoints.cli import cli, main
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import masked, read_settings
from entrypoints.demo.servers import MailEndpoint, S3Endpoint
from pipelines.feed import Feed
from pipelines.operations.run import run
from schemas.errors import ConfigError, ContractError, ItemChangedError, WaybillError
from schemas.file import Status
from schemas.odcs.texts import read_contracts
from schemas.receipt import Message
from small_service import CONTRACT, SmallService, csv, small_service

SQL = "'); DROP TABLE files; --"


# Names


@pytest.mark.parametrize("name", [SQL, "a`b", "a b", "a;b", "../x", "a\nb", "", "a" * 2000, "a'b"])
def test_no_sql_gets_into_a_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        names.table("demo", "shop", name)
    with pytest.raises(ContractError):
        names.column(name)
    with pytest.raises(ConfigError):
        Feed(name=name, source="drop", match="*", contract="sales")
    for key in ("dataset", "meta_dataset", "staging_dataset", "project"):
        path = tmp_path / f"{key}.yaml"
        with path.open("w") as out:
            YAML(typ="safe", pure=True).dump(
                {
                    "ledger": {"type": "sql", "url": "sqlite:///l.db"},
                    "storage": {"type": "objects", "url": "s"},
                    "warehouse": {"type": "bigquery", "project": "demo", key: name},
                    "sources": {},
                },
                out,
            )
        with pytest.raises(ConfigError):
            read_settings(path)
    if name:
        folder = tmp_path / "contracts"
        folder.mkdir()
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        text = CONTRACT.replace("- name: sales", f'- name: "{quoted}"')
        (folder / "c.odcs.yaml").write_text(text)
        with pytest.raises(ContractError):
            _tables(folder)


def _tables(folder: Path) -> list[str]:
    """The tables of a folder's contracts, as they would stand in SQL."""
    contracts, _ = read_contracts(folder)
    return [names.table("demo", "shop", each.table) for each in contracts.values()]


def test_a_file_named_like_sql_is_only_a_name(tmp_path: Path, bigquery_url: str) -> None:
    """Through the ledger, the transaction's parameters, the receipt and the screen."""
    service = small_service(tmp_path, bigquery_url)
    tricky = [
        f"1{SQL}.csv",
        "2`; SELECT 1.csv",
        '3" OR "1"="1.csv',
        "4\\'x.csv",
        "5%s{0}$1.csv",
        "6\n.csv",
    ]
    for number, name in enumerate(tricky):
        service.drop(name, csv(f"k{number}", f"k{number}x"))
    files = service.run()
    assert [file.status for file in files] == [Status.DONE] * len(tricky)
    assert [name for (name,) in service.sql("SELECT name FROM META.files ORDER BY name")] == tricky
    assert service.sql("SELECT COUNT(*) FROM DATA.sales WHERE day > '2000-01-01'") == [(12,)]
    for name in tricky:
        shown = CliRunner().invoke(cli, ["--config", str(service.config), "show", name])
        assert shown.exit_code == 0, shown.output
        assert (tmp_path / "drop" / f"{name}.receipt.json").exists()


def test_cells_and_names_that_are_formulas_or_escapes_are_disarmed(
    tmp_path: Path, bigquery_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    bad = "=HYPERLINK(1),no day,1\n+1+2,no day,1\n@SUM(A1),no day,1\n\x1b[31mred,no day,1\n"
    service.drop("=cmd|' C calc'!A0.csv", csv(*"abcde") + bad)
    [file] = service.run()
    rejected = (tmp_path / "drop" / f"{file.item.name}.rejected.csv").read_text()
    assert not re.search(r"(^|,)[=+@]", rejected.split("\n", 1)[1], re.MULTILINE)
    shown = CliRunner().invoke(cli, ["--config", str(service.config), "show", file.file_id])
    assert "\x1b" not in shown.output


@pytest.mark.parametrize("key", ["../x", "/x", "a/../../x", "a\x00b", "a\nb", "", "a//b", ".x"])
def test_no_storage_key_leads_out(key: str, tmp_path: Path) -> None:
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "in")))
    (tmp_path / "x").write_bytes(b"secret")
    for use in (storage.exists, storage.delete, storage.uri, lambda k: storage.open(k).__enter__()):
        with pytest.raises(ValueError, match="not a storage key"):
            use(key)
    assert (tmp_path / "x").read_bytes() == b"secret"


def test_keys_of_a_bucket_never_become_paths(
    s3_endpoint: S3Endpoint, tmp_path: Path, bigquery_url: str, moto_url: str
) -> None:
    """Tabs, quotes and all that may be read as `..`: files of that name are loaded, nothing is
    written under it. (A server that keeps keys as S3 does takes `..` itself; these do not.)"""
    client = boto3.client(
        "s3",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="tricks")
    keys = ["..\\..\\x.csv", "a/%2e%2e/%2e%2e/x.csv", "tab\tx.csv", "q'\"`.csv", "~root/x.csv"]
    for number, key in enumerate(keys):
        client.put_object(Bucket="tricks", Key=key, Body=csv(f"t{number}").encode())
    service = small_service(tmp_path, bigquery_url)
    source = S3Source(
        S3Config(bucket="tricks", endpoint=moto_url, region="us-east-1", access_key="key",
                 secret_key=SecretStr("secret"))
    )  # fmt: skip
    service.with_runtime(sources={"drop": source})
    files = service.run()
    assert files
    assert {file.status for file in files} == {Status.DONE}
    outside = [each for each in tmp_path.rglob("*") if each.name == "x.csv"]
    assert outside == []
    missing = set(keys) - {file.item.key for file in files}
    assert not missing, missing


# YAML

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "aliases are not read"),
        ("[" * 100_000, "nested too deeply|not YAML"),
        ("a: " + "x" * (1024 * 1024), "larger than"),
        ("a: !!python/object/apply:os.system ['echo no']", ""),
        ("\x00\x01", ""),
    ],
    ids=["bomb", "deep", "large", "python", "binary"],
)
def test_hostile_yaml_is_refused(text: str, why: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    with pytest.raises(ConfigError, match=why or "YAML|mapping"):
        read_settings(config)
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "c.odcs.yaml").write_text(text)
    with pytest.raises(ContractError, match=why or "YAML|mapping"):
        read_contracts(folder)


# Mail


def test_hostile_mail_headers_stay_in_their_line(mail_endpoint: MailEndpoint) -> None:
    """Injected and huge headers of a report, read from a real mailbox and answered."""
    box = f"hostile{os.getpid()}@example.com"
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "partner@example.net"
    message["To"] = box
    message["Subject"] = "=?utf-8?q?report=0D=0ABcc=3A_victim=40example=2Ecom?="
    message["Message-ID"] = "<x@example.net>"
    message["X-Huge"] = "y" * 200_000
    message.set_content("see attached")
    message.add_attachment(b"id\n1\n", maintype="text", subtype="csv", filename="plain.csv")
    with smtplib.SMTP(mail_endpoint.host, mail_endpoint.smtp_port, timeout=10) as smtp:
        smtp.sendmail("partner@example.net", [box], _raw(message))
    source = MailboxSource(
        MailboxConfig(
            host=mail_endpoint.host,
            port=mail_endpoint.imap_port,
            tls="none",
            user=box,
            password=SecretStr(mail_endpoint.password),
        )
    )
    items = [item for page in source.list("**", None) for item in page.items]
    [item] = [each for each in items if each.detail["message_id"] == "<x@example.net>"]
    assert not re.search(r"[\r\n\x1b/]", item.name)
    assert "\n" not in item.detail["subject"]
    answer = compose(
        Message(
            message_id="<a@waybill>",
            to=item.sender or "",
            subject=f"Re: {item.detail['subject']}\r\nBcc: other@example.com",
            text="told",
            in_reply_to=item.detail["message_id"] + "\r\nX-Evil: 1",
        ),
        "reports@example.com",
        1000,
    )
    read = message_from_bytes(answer.as_bytes(), policy=policy.default)
    assert read["Bcc"] is None
    assert read["X-Evil"] is None
    assert read.keys().count("Subject") == 1


def _raw(message: EmailMessage) -> bytes:
    """The message with a file name that no mail program would write (RFC 2231)."""
    named = b"filename*=utf-8''r%0D%0AX-Evil%3A%201%1B%5B2J%2F..%2F..%2Fx.csv"
    raw = message.as_bytes()
    assert b'filename="plain.csv"' in raw
    return raw.replace(b'filename="plain.csv"', named)


# Secrets

PLANTED = {
    "s3": "PLANTED-s3-secret-8f3a",
    "mail": "PLANTED-mail-password-8f3a",
    "smtp": "PLANTED-smtp-password-8f3a",
    "broker": "PLANTED-broker-password-8f3a",
    "ledger": "PLANTED-ledger-password-8f3a",
    "bigquery": "PLANTED-bigquery-key-8f3a",
}


@pytest.fixture
def everything_logged(tmp_path: Path) -> Iterator[Path]:
    """All logs of all libraries, at their most talkative, in a file."""
    path = tmp_path / "everything.log"
    handler = logging.FileHandler(path)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.setLevel(before)
    root.removeHandler(handler)
    handler.close()


def _searched(folder: Path, *besides: Path) -> list[str]:
    """The files that hold a planted secret, but those it was planted in."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file()
        and path not in besides
        and any(secret.encode() in path.read_bytes() for secret in PLANTED.values())
    ]


def _planted(tmp_path: Path, service: SmallService, url: str, port: int) -> Path:
    """A configuration of parts that hold secrets and do not let us in, beside the service's."""
    settings = YAML(typ="safe", pure=True).load(service.config)
    key = tmp_path / "key.json"
    key.write_text(f'{{"type": "service_account", "private_key": "{PLANTED["bigquery"]}"}}')
    settings["broker"] = {"url": "${PLANTED_BROKER}"}
    settings["sources"]["drop"] = {
        "type": "s3", "bucket": "secrets", "endpoint": url, "region": "us-east-1",
        "access_key": "key", "secret_key": "${PLANTED_S3}",
    }  # fmt: skip
    settings["sources"]["partners"] = {
        "type": "mailbox", "host": "127.0.0.1", "port": port, "tls": "none",
        "user": "a@example.com", "password": "${PLANTED_MAIL}",
    }  # fmt: skip
    settings["mail"] = {
        "type": "smtp", "host": "127.0.0.1", "port": 1, "tls": "none", "user": "a",
        "sender": "a@example.com", "password": "${PLANTED_SMTP}",
    }  # fmt: skip
    settings["alerts"] = {"mail_to": "ops@example.com"}
    path = tmp_path / "planted.yaml"
    with path.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    return path


def test_no_secret_is_ever_written(
    tmp_path: Path,
    bigquery_url: str,
    moto_url: str,
    s3_endpoint: S3Endpoint,
    mail_endpoint: MailEndpoint,
    postgres_url: str,
    everything_logged: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Passes that succeed and passes that fail at every part, with all libraries at DEBUG; then
    everything written is searched: logs, screens, ledger, receipts, storage and tracebacks."""
    for name, secret in PLANTED.items():
        monkeypatch.setenv(f"PLANTED_{name.upper()}", secret)
    broker = f"redis://:{PLANTED['broker']}@127.0.0.1:1/0"
    monkeypatch.setenv("PLANTED_BROKER", broker)
    service = small_service(tmp_path, bigquery_url)
    client = boto3.client(
        "s3", endpoint_url=moto_url, region_name="us-east-1", aws_access_key_id="key",
        aws_secret_access_key=PLANTED["s3"],
    )  # fmt: skip
    client.create_bucket(Bucket="secrets")
    client.put_object(Bucket="secrets", Key="a.csv", Body=csv("a").encode())

    good = _planted(tmp_path, service, moto_url, mail_endpoint.imap_port)
    runtime = build_runtime(read_settings(good))
    run(runtime, runtime.feeds)
    [file] = runtime.ledger.files.latest()
    assert file.status is Status.DONE

    refusing = _planted(tmp_path, service, s3_endpoint.url, mail_endpoint.imap_port)
    runtime = build_runtime(read_settings(refusing))
    with pytest.raises(WaybillError):
        run(runtime, runtime.feeds)
    assert runtime.ledger.feeds.state("sales").stopped_at is not None
    with pytest.raises(WaybillError):
        runtime.sources["partners"].check()
    assert "PLANTED" not in str(masked(read_settings(refusing)))

    ledger = postgres_url.replace("etl@", f"nobody:{PLANTED['ledger']}@")
    wrong = ("--config", str(refusing))
    for extra, command in (
        ({}, ["doctor"]),
        ({}, ["config"]),
        ({"WAYBILL_LEDGER__URL": ledger.replace("/postgres", "/none")}, ["files"]),
        ({"WAYBILL_LEDGER__CONFIG__URL": ledger.replace("/postgres", "/none")}, ["files"]),
        ({"WAYBILL_LEDGER": f'{{"type":"sql","url":"{ledger}x"}}'}, ["files"]),
        (
            {"WAYBILL_LEDGER": f'{{"type":"sql","url":"oracle://u:{PLANTED["ledger"]}@h"}}'},
            ["files"],
        ),
        (
            {
                "WAYBILL_WAREHOUSE": '{"type":"bigquery","project":"demo","credentials_file":"'
                + str(tmp_path / "key.json")
                + '"}'
            },
            ["plan"],
        ),
    ):
        with monkeypatch.context() as inside:
            for name, value in extra.items():
                inside.setenv(name, value)
            inside.setattr(sys, "argv", ["waybill", *wrong, *command])
            with contextlib.suppress(SystemExit):
                main()
    worker = tmp_path / "worker.log"
    with worker.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "entrypoints.cli", *wrong, "worker", "--log-level", "debug"],
            stdout=sink, stderr=sink, env=dict(os.environ),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and b"annot connect" not in worker.read_bytes():
            time.sleep(0.3)
        process.terminate()
        process.wait(timeout=30)
    assert b"annot connect" in worker.read_bytes()
    said = capfd.readouterr()
    (tmp_path / "said.log").write_text(said.out + said.err)
    (tmp_path / "dump.sql").write_text(
        "\n".join(sqlite3.connect(tmp_path / "ledger.db").iterdump())
    )
    receipt = client.get_object(Bucket="secrets", Key="a.csv.receipt.json")["Body"].read()
    (tmp_path / "receipt.json").write_bytes(receipt)
    assert everything_logged.stat().st_size > 10_000
    assert "doctor" not in said.err
    assert _searched(tmp_path, tmp_path / "key.json") == []


def test_the_search_would_find_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(f"oh: {PLANTED['s3']}")
    assert _searched(tmp_path) == [str(tmp_path / "x")]


def test_a_folder_link_that_appears_later_leads_nowhere(tmp_path: Path, bigquery_url: str) -> None:
    """The file is exchanged for a link to a secret after it was listed."""
    service = small_service(tmp_path, bigquery_url)
    service.drop("a.csv", csv("a"))
    source = service.runtime.sources["drop"]
    [item] = [each for page in source.list("**", None) for each in page.items]
    secret = tmp_path / "secret.csv"
    secret.write_text(csv("s"))
    (tmp_path / "drop" / "a.csv").unlink()
    (tmp_path / "drop" / "a.csv").symlink_to(secret)
    with pytest.raises(ItemChangedError), source.open(item):
        pass


def test_oversize_files_are_refused_without_being_kept(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url, limits={"file_bytes": 10_000})
    service.drop("large.csv", csv(*(f"k{n}" for n in range(2000))))
    service.drop("small.csv", csv("a"))
    large, small = service.run()
    assert (str(large.outcome), str(small.outcome)) == ("quarantined", "accepted")
    assert "larger than 10,000 bytes" in (large.reason or "")
    assert len(list(service.runtime.storage.list("landing"))) == 1
