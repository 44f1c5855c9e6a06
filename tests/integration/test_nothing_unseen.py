"""Nothing arrives unseen: every object and every mail is taken, or listed with the reason."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from imapclient import IMAPClient
from pydantic import SecretStr

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from connectors.s3.client import S3Config
from connectors.s3.source import S3Source
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from entrypoints.cli import cli
from entrypoints.demo.servers import MailEndpoint
from one_feed import World
from pipelines import Feed
from pipelines.monitor.alerts import evaluate_alerts
from pipelines.operations.run import run
from pipelines.runtime import Runtime
from schemas.alert import AlertKind
from schemas.batch import WriteMode
from schemas.errors import AwayError
from schemas.file import Outcome, Status
from schemas.unmatched import Unmatched, Why
from small_service import csv, small_service

GOOD = b"k,day,n\na,2026-11-01,1\n"
BAD = b"k,day,n\na,2026-11-01,1\nb,2026-11-01,x\n"


class Bucket:
    """A bucket that two feeds may read."""

    def __init__(self, url: str) -> None:
        self.name = f"b-{uuid.uuid4().hex[:12]}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket=self.name)
        self._url = url

    def source(self, **more: object) -> S3Source:
        config = {
            "bucket": self.name, "endpoint": self._url, "region": "us-east-1",
            "access_key": "key", "secret_key": SecretStr("secret"), **more,
        }  # fmt: skip
        return S3Source(S3Config.model_validate(config))

    def put(self, key: str, body: bytes = GOOD, **more: object) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def held(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name)["Contents"]]


class Mail:
    """A mailbox with SMTP beside it."""

    def __init__(self, mail: MailEndpoint) -> None:
        self.mail, self.count = mail, 0
        self.name = f"p{uuid.uuid4().hex[:8]}"
        self.address, self.partner = f"{self.name}@example.com", f"{self.name}@acorn.example"
        self.notifier = SmtpNotifier(
            SmtpConfig(host=mail.host, port=mail.smtp_port, tls="none", sender=self.address)
        )

    def source(self, **more: object) -> MailboxSource:
        config = {
            "host": self.mail.host, "port": self.mail.imap_port, "tls": "none",
            "user": self.address, "password": SecretStr(self.mail.password), **more,
        }  # fmt: skip
        return MailboxSource(MailboxConfig.model_validate(config))

    def send(self, *files: tuple[str, bytes], at: datetime | None = None, **headers: str) -> str:
        self.count += 1
        known = f"<{self.count}.{self.address}>"
        message = EmailMessage()
        values = {"From": self.partner, "Subject": "Stock", "Message-ID": known, **headers}
        for header, value in values.items():
            message[header.replace("_", "-")] = value
        message.set_content("attached")
        for name, body in files:
            message.add_attachment(body, maintype="text", subtype="csv", filename=name)
        with self.connected(self.address) as client:
            client.append("INBOX", message.as_bytes(), msg_time=at)
        return known

    def connected(self, address: str) -> IMAPClient:
        client = IMAPClient(self.mail.host, self.mail.imap_port, ssl=False)
        client.login(address, self.mail.password)
        return client

    def folder(self, folder: str, address: str | None = None) -> int:
        with self.connected(address or self.address) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            client.select_folder(folder)
            return len(client.search())


@pytest.fixture
def mail(mail_endpoint: MailEndpoint) -> Mail:
    return Mail(mail_endpoint)


@pytest.fixture
def bucket(moto_url: str) -> Bucket:
    return Bucket(moto_url)


def world_of(url: str, folder: Path, source: Any, mode: WriteMode = WriteMode.MERGE) -> World:
    return World(url, folder, mode, source=source)


def second_feed(runtime: Runtime, **more: Any) -> Runtime:
    """The runtime with one more feed of the same source and table."""
    feed = Feed(name="second", source="drop", contract="stock", write="merge", **more)
    return replace(runtime, feeds={**runtime.feeds, "second": feed})


@pytest.fixture
def bucket_world(bigquery_url: str, tmp_path: Path, bucket: Bucket) -> Iterator[World]:
    made = world_of(bigquery_url, tmp_path, bucket.source(move_to="done"))
    yield made
    made.close()


@pytest.fixture
def mail_world(bigquery_url: str, tmp_path: Path, mail: Mail) -> Iterator[World]:
    mail.folder("Done")
    made = world_of(bigquery_url, tmp_path, mail.source(move_to="Done"))
    made.runtime = replace(made.runtime, notifier=mail.notifier)
    yield made
    made.close()


def listed(world: World) -> dict[str, Unmatched]:
    return {item.name: group for group in world.ledger.unmatched.latest() for item in group.items}


def test_what_lies_in_a_bucket_and_no_feed_takes_is_listed_until_it_is_taken(
    bucket_world: World, bucket: Bucket
) -> None:
    feed = replace(bucket_world.runtime.feeds["stock"], match="in/**/*.csv", exclude="in/old/**")
    bucket_world.runtime = replace(bucket_world.runtime, feeds={"stock": feed})
    keys = ("in//double.csv", "in/a.csv", "IN/case.csv", "in/stock.CSV", "in/payments.rejected.csv",
            "in/old/x.csv", "in/._a.csv", "in/~$a.csv", "in/a.csv.crc", "in/a.csv.filepart",
            "in/Thumbs.db", "in/readme.md", "in/b 1.xlsx", "in/b 2.xlsx")  # fmt: skip
    for number, key in enumerate(keys):
        bucket.put(key, GOOD.replace(b"a,", b"k%d," % number))
    bucket_world.run()
    taken = {file.item.key: file.outcome for file in bucket_world.ledger.files.latest()}
    assert taken == dict.fromkeys(
        ["in//double.csv", "in/a.csv", "in/payments.rejected.csv"], Outcome.ACCEPTED
    )
    found = listed(bucket_world)
    assert set(found) == {"case.csv", "stock.CSV", "readme.md", "b 1.xlsx", "b 2.xlsx"}
    assert {group.why for group in found.values()} == {Why.NAME}
    assert found["b 1.xlsx"].group_id == found["b 2.xlsx"].group_id
    assert found["b 1.xlsx"].count == 2
    assert [name for name, group in found.items() if not group.is_likely] == ["readme.md"]
    evaluate_alerts(bucket_world.runtime)
    told = [
        each
        for each in bucket_world.ledger.alerts.latest()
        if each.trouble.kind is AlertKind.UNMATCHED
    ]
    assert len(told) == 3
    # A second pass counts nothing twice; what is dismissed stays so; what is gone is forgotten.
    bucket_world.run()
    assert listed(bucket_world)["b 1.xlsx"].count == 2
    bucket_world.ledger.unmatched.dismiss(found["b 1.xlsx"].group_id, "ana")
    bucket.put("in/b 3.xlsx")
    bucket.client.delete_object(Bucket=bucket.name, Key="IN/case.csv")
    bucket_world.run()
    assert set(listed(bucket_world)) == {"stock.CSV", "readme.md"}
    [away] = bucket_world.ledger.unmatched.latest(dismissed=True)
    assert (away.count, away.dismissed_by) == (3, "ana")
    wider = replace(feed, match="**/*.[cC][sS][vV]")
    bucket_world.runtime = replace(bucket_world.runtime, feeds={"stock": wider})
    bucket_world.run()
    assert set(listed(bucket_world)) == {"readme.md"}


def test_what_a_mail_brings_and_no_feed_takes_is_listed_and_its_sender_told(
    bigquery_url: str, tmp_path: Path, mail: Mail
) -> None:
    source = mail.source(answer_unmatched=("acorn.example",))
    world = world_of(bigquery_url, tmp_path, source)
    world.runtime = replace(world.runtime, notifier=mail.notifier)
    try:
        mail.send(("stock.csv", GOOD))
        known = mail.send(("stocks.xlsx", b"x"))
        mail.send(("other.pdf", b"y"), From="eve@evil.example")
        mail.send()
        world.run()
        world.run()
        assert {name: group.why for name, group in listed(world).items()} == {
            "stocks.xlsx": Why.NAME, "other.pdf": Why.NAME, "Stock": Why.NO_FILE,
        }  # fmt: skip
        assert listed(world)["stocks.xlsx"].sender == mail.partner
        with mail.connected(mail.partner) as client:
            client.select_folder("INBOX")
            texts = [each[b"RFC822"] for each in client.fetch(client.search(), ["RFC822"]).values()]
        told = [text for text in texts if b"No feed takes this" in text]
        assert len([text for text in told if b"stocks.xlsx" in text]) == 1
        assert f"In-Reply-To: {known}".encode() in told[0] + told[-1]
    finally:
        world.close()


def test_an_object_moves_once_every_feed_has_had_it(bucket_world: World, bucket: Bucket) -> None:
    both = second_feed(bucket_world.runtime, match="*.csv")
    bucket.put("a.csv")
    run(both, ["stock"])
    assert "a.csv" in bucket.held()
    both.ledger.feeds.stop("second", "for a test")
    run(both, ["stock"])
    assert "a.csv" in bucket.held()
    both.ledger.feeds.resume("second")
    run(both, ["second"])
    assert "a.csv" not in bucket.held()
    assert "done/a.csv" in bucket.held()
    assert {file.status for file in both.ledger.files.latest()} == {Status.DONE}


def test_after_days_nobody_is_waited_for_and_an_alert_says_so(
    bucket_world: World, bucket: Bucket
) -> None:
    both = second_feed(bucket_world.runtime, match="*.csv")
    both.ledger.feeds.stop("second", "for a test")
    bucket.put("a.csv")
    run(both, ["stock"])
    assert "a.csv" in bucket.held()
    later = replace(both, now=lambda: datetime.now(UTC) + timedelta(days=8))
    run(later, ["stock"])
    assert "done/a.csv" in bucket.held()
    [alert] = [each for each in both.ledger.alerts.latest() if each.trouble.kind is AlertKind.KEPT]
    assert "feed second is stopped" in alert.trouble.says


def test_a_mail_of_two_feeds_moves_once_both_have_had_it(mail_world: World, mail: Mail) -> None:
    first = replace(mail_world.runtime.feeds["stock"], match="stock*.csv")
    both = replace(mail_world.runtime, feeds={"stock": first})
    both = second_feed(both, match="second*.csv")
    mail.send(("stock.csv", GOOD), ("second.csv", GOOD.replace(b"a,", b"z,")))
    run(both, ["stock"])
    assert (mail.folder("INBOX"), mail.folder("Done")) == (1, 0)
    run(both, ["second"])
    assert (mail.folder("INBOX"), mail.folder("Done")) == (0, 1)
    assert {row[0] for row in mail_world.table()} == {"a", "z"}


def test_a_mail_stays_while_a_file_of_it_is_failed(mail_world: World, mail: Mail) -> None:
    mail.send(("one.csv", GOOD), ("two.csv", GOOD.replace(b"a,", b"z,")))
    runtime = mail_world.runtime
    for page in runtime.sources["drop"].list("*.csv", None):
        ids = runtime.ledger.files.register("stock", "drop", page)
    one = runtime.ledger.leases.claim(ids[0], Status.DISCOVERED, "test", 60)
    assert one is not None
    from schemas.file import Event

    event = Event(file_id=ids[0], at=runtime.now(), step="prepare", outcome="failed")
    runtime.ledger.leases.advance(replace(one, status=Status.FAILED, reason="given up"), event)
    mail_world.run()
    assert (mail.folder("INBOX"), mail.folder("Done")) == (1, 0)
    runtime.ledger.files.retry(ids[0])
    mail_world.run()
    assert (mail.folder("INBOX"), mail.folder("Done")) == (0, 1)


def test_what_we_sent_is_not_answered_when_it_comes_back(mail_world: World, mail: Mail) -> None:
    mail.send(("stock.csv", BAD))
    mail_world.run()
    with mail.connected(mail.partner) as client:
        client.select_folder("INBOX")
        [(_, data)] = client.fetch(client.search(), ["RFC822"]).items()
    import email
    import email.policy

    receipt = email.message_from_bytes(data[b"RFC822"], policy=email.policy.default)
    [rejects] = [
        each for each in receipt.iter_attachments() if "rejected" in str(each.get_filename())
    ]
    body = rejects.get_payload(decode=True)
    assert isinstance(body, bytes)
    mail.send(("stock.csv.rejected.csv", body), Subject="[Ticket 1] Re: Stock")
    mail_world.run()
    assert mail.folder("INBOX", mail.partner) == 1
    [again] = mail_world.ledger.files.find("stock.csv.rejected.csv")
    told = mail_world.ledger.timelines.of(again.file_id)[-1]
    assert "byte for byte" in str(told.message)


def test_replies_of_one_conversation_are_bounded_and_a_person_is_told(
    mail_world: World, mail: Mail
) -> None:
    limits = mail_world.runtime.limits.model_copy(update={"thread_replies": 2})
    mail_world.runtime = replace(mail_world.runtime, limits=limits)
    first = mail.send(("stock1.csv", BAD))
    for number in range(2, 6):
        mail_world.run()
        body = BAD + b"c%d,2026-11-01,y\n" % number
        mail.send((f"stock{number}.csv", body), References=first)
    mail_world.run()
    assert mail.folder("INBOX", mail.partner) == 2
    alerts = [each.trouble for each in mail_world.ledger.alerts.latest()]
    [told] = [each for each in alerts if each.kind is AlertKind.LOOP]
    assert told.subject == mail.partner


def test_a_late_older_mail_does_not_undo_its_correction(mail_world: World, mail: Mail) -> None:
    late = datetime.now(UTC) - timedelta(hours=2)
    stamp = "%a, %d %b %Y %H:%M:%S +0000"
    mail.send(("stock.csv", GOOD.replace(b",1\n", b",7\n")),
              Date=(late + timedelta(hours=1)).strftime(stamp))  # fmt: skip
    mail_world.run()
    mail.send(("stock.csv", GOOD), Date=late.strftime(stamp))
    mail_world.run()
    assert [row[2] for row in mail_world.table()] == [7]


def test_a_new_feed_leaves_last_years_mails_where_they_are(mail_world: World, mail: Mail) -> None:
    old = datetime.now(UTC) - timedelta(days=300)
    mail.send(("stock.csv", BAD), at=old)
    mail.send(("stock2.csv", GOOD))
    mail_world.run()
    assert [file.item.name for file in mail_world.ledger.files.latest()] == ["stock2.csv"]
    assert mail.folder("INBOX", mail.partner) == 1
    feed = replace(mail_world.runtime.feeds["stock"], since="2020-01-01")
    from pipelines.operations.backfill import backfill

    mail_world.runtime = replace(mail_world.runtime, feeds={"stock": feed})
    backfill(mail_world.runtime, "stock", None, None, lambda work, left: None)
    assert len(mail_world.ledger.files.latest()) == 2


def test_a_changed_match_says_what_a_backfill_would_bring(
    mail_world: World, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    mail.send(("stock.csv", GOOD))
    mail.send(("stock.tsv", GOOD.replace(b"a,", b"z,")))
    mail_world.run()
    feed = replace(mail_world.runtime.feeds["stock"], match="*.[ct]sv")
    mail_world.runtime = replace(mail_world.runtime, feeds={"stock": feed})
    mail_world.run()
    assert [each for each in caplog.messages if "1 files that came before fit it" in each]
    from pipelines.operations.backfill import backfill

    backfill(mail_world.runtime, "stock", None, None, lambda work, left: None)
    assert [row[0] for row in mail_world.table()] == ["a", "z"]
    assert listed(mail_world) == {}


def test_a_source_that_is_away_ends_the_pass_for_no_other_feed_and_is_an_alert(
    mail_world: World, mail: Mail, tmp_path: Path
) -> None:
    away = mail.source()
    gone = MailboxSource(away._config.model_copy(update={"port": 1, "timeout": 2}))
    runtime = mail_world.runtime
    elsewhere = replace(runtime.feeds["stock"], name="absent", source="gone")
    runtime = replace(
        runtime,
        feeds={"absent": elsewhere, **runtime.feeds},
        sources={**runtime.sources, "gone": gone},
    )
    mail.send(("stock.csv", GOOD))
    with pytest.raises(AwayError):
        run(runtime, ["absent", "stock"])
    assert [file.status for file in runtime.ledger.files.latest()] == [Status.DONE]
    evaluate_alerts(runtime)
    assert not runtime.ledger.alerts.latest()
    evaluate_alerts(replace(runtime, now=lambda: datetime.now(UTC) + timedelta(minutes=20)))
    [alert] = runtime.ledger.alerts.latest()
    assert alert.trouble.kind is AlertKind.AWAY
    assert alert.trouble.subject == "source gone"


def test_the_command_lists_puts_away_and_takes_back(bigquery_url: str, tmp_path: Path) -> None:
    service = small_service(tmp_path, bigquery_url)
    feed = replace(service.runtime.feeds["sales"], match="*.csv")
    (tmp_path / "feeds" / "sales.py").write_text(
        (tmp_path / "feeds" / "sales.py").read_text().replace('"**"', '"*.csv"')
    )
    service.with_runtime(feeds={"sales": feed})
    service.drop("a.csv", csv("1"))
    service.drop("Sales.XLSX", b"x")
    service.run()

    def said(*arguments: str) -> Any:
        done = CliRunner().invoke(
            cli, ["--config", str(service.config), "unmatched", *arguments], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    [group] = said("--json")
    assert group["items"][0]["name"] == "Sales.XLSX"
    assert group["feed"] is None or group["feed"] == "sales"
    assert "Sales.XLSX" in said()
    assert max(map(len, said().splitlines())) <= 80
    said(group["group_id"], "--dismiss", "--by", "ana", "--json")
    assert said("--json") == []
    assert said("--dismissed", "--json")[0]["dismissed_by"] == "ana"
    said(group["group_id"], "--restore", "--json")
    assert len(said("--json")) == 1
