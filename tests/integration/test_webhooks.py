"""Webhooks: receipts posted to a real server over TLS, signed, at least once, to nobody else."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from bare_service import BareService, bare_service
from connectors.https.addresses import AddressGuard
from connectors.https.client import HttpsClient, post
from documented import marked
from pipelines.monitor.conditions import troubles
from pipelines.operations.acts import list_acts
from pipelines.operations.recover import recover
from pipelines.operations.webhooks import (
    list_webhooks,
    remove_webhook,
    rotate_webhook,
    set_webhook,
    try_webhook,
)
from pipelines.runtime import Runtime, Work
from pipelines.steps import STEPS
from receiver import Receiver, receiver
from schemas.alert import AlertKind
from schemas.batch import Committed
from schemas.errors import ConfigError, ConflictError, NotFoundError, RetryableError
from schemas.file import File
from schemas.webhook import PostState, WebhookScope
from web_world import LONG, PARTLY, TABLE, WebWorld

FEED = WebhookScope.FEED
LOOPBACK = ["127.0.0.0/8", "::1/128"]


@dataclass
class Hooked:
    """A service whose receipts go to a receiver, with a clock that can be put on."""

    service: BareService
    receiver: Receiver
    webhook_id: str
    secret: str
    later: timedelta = timedelta()

    @property
    def runtime(self) -> Runtime:
        return replace(self.service.runtime, now=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def put(self, name: str) -> str:
        world = WebWorld(self.service, "", {})
        file = loaded(world, name)
        work = STEPS["acknowledge"](self.runtime, file.file_id)
        assert work == [Work("post", "sales")]
        return file.file_id

    def post(self) -> None:
        """Post what is due by the clock, which is the ledger's, too."""
        self.runtime.ledger.database._now = self.now  # type: ignore[attr-defined]
        for work in recover(self.runtime):
            if work.step == "post":
                STEPS["post"](self.runtime, work.target)

    def posts(self, file_id: str) -> list[PostState]:
        return [each.state for each in self.runtime.ledger.posts.of(file_id)]

    def alerts(self) -> list[str]:
        return [each.says for each in troubles(self.runtime) if each.kind is AlertKind.WEBHOOK]


def loaded(world: WebWorld, name: str) -> File:
    """A file that is loaded, and of which nobody has been told."""
    ledger, file = world.service.runtime.ledger, world.put(name, PARTLY.replace("A,", f"{name},"))
    batch = ledger.batches.open("sales", TABLE, 1000, 1 << 40)
    assert batch is not None
    ledger.batches.commit(batch, Committed(rows=1), [])
    return file


@contextmanager
def hooked(
    tmp_path: Path, authority: trustme.CA, ca_file: Path, ledger_url: str | None = None
) -> Iterator[Hooked]:
    (tmp_path / "secret").write_text("w" * 40)
    section = {
        "secret_file": str(tmp_path / "secret"), "allow_private": LOOPBACK, "ca_file": str(ca_file),
    }  # fmt: skip
    with receiver(authority) as found:
        service = bare_service(tmp_path, "sales", ledger_url=ledger_url, webhooks=section)
        made = set_webhook(service.runtime, FEED, "sales", found.url)
        assert made.secret is not None
        yield Hooked(service, found, made.webhook.webhook_id, made.secret)


@pytest.fixture
def world(tmp_path: Path, authority: trustme.CA, authority_file: Path) -> Iterator[Hooked]:
    with hooked(tmp_path, authority, authority_file) as found:
        yield found


def verified(secret: str, headers: dict[str, str], body: bytes, now: float) -> Any:
    """What docs/webhooks.md tells a receiver to do."""
    names: dict[str, Any] = {}
    exec(marked("docs/webhooks.md", "verify"), names)
    return names["verified"](secret, headers, body, now)


def test_a_receipt_is_posted_once_and_signed(
    world: Hooked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file_id = world.put("shop.csv")
    # To tell its sender again about the same load is nothing new.
    world.post()
    world.post()
    [(headers, body)] = world.receiver.got
    told = verified(world.secret, headers, body, world.now().timestamp())
    assert told["type"] == "receipt"
    assert told["data"]["file_id"] == file_id
    assert LONG in body.decode()
    assert world.posts(file_id) == [PostState.SENT]
    now, other = world.now().timestamp(), "whsec_" + "A" * 43 + "="
    renamed = {**headers, "webhook-id": "msg_other"}
    for wrong in (
        (world.secret, headers, body + b" ", now),
        (other, headers, body, now),
        (world.secret, headers, body, now + 3600),
        (world.secret, renamed, body, now),
        (world.secret, {**headers, "webhook-signature": "v1,é"}, body, now),
    ):
        with pytest.raises(ValueError, match="webhook"):
            verified(*wrong)
    assert "s3cr3t" not in caplog.text
    kept = world.service.folder / "ledger.db"
    assert world.secret.removeprefix("whsec_").encode() not in kept.read_bytes()
    assert world.secret not in caplog.text + repr(world.runtime.webhooks)


def test_while_a_secret_is_rotated_both_are_good(world: Hooked) -> None:
    new = rotate_webhook(world.runtime, world.webhook_id, hours=1).secret
    assert new is not None
    assert new != world.secret
    world.put("shop.csv")
    world.post()
    world.later = timedelta(hours=2)
    world.put("late.csv")
    world.post()
    (first, one), (second, other) = world.receiver.got
    moment = datetime.now(UTC).timestamp()
    assert verified(new, first, one, moment) == verified(world.secret, first, one, moment)
    assert verified(new, second, other, moment + 7200)["type"] == "receipt"
    with pytest.raises(ValueError, match="webhook"):
        verified(world.secret, second, other, moment + 7200)


def test_what_is_not_taken_is_sent_again_for_three_days(world: Hooked) -> None:
    world.receiver.status = 503
    file_id = world.put("shop.csv")
    moments: list[timedelta] = []
    while world.posts(file_id) == [PostState.WAITING]:
        world.post()
        assert len(world.receiver.got) == len(moments) + 1
        moments.append(world.later)
        [waiting] = world.runtime.ledger.posts.of(file_id)
        assert waiting.next_at is not None
        world.later = waiting.next_at + timedelta(seconds=1) - datetime.now(UTC)
    assert world.posts(file_id) == [PostState.GIVEN_UP]
    assert timedelta(days=2, hours=18) < moments[-1] <= timedelta(days=3)
    minute = timedelta(minutes=1)
    waits = [(after - before) // minute for before, after in pairwise(moments)]
    assert waits == sorted(waits)
    assert len({headers["webhook-id"] for headers, _ in world.receiver.got}) == 1
    assert len({body for _, body in world.receiver.got}) == 1
    [said] = world.alerts()
    assert "sales" in said
    assert "503" in said
    world.receiver.status = 200
    world.put("better.csv")
    world.post()
    assert world.alerts() == []


def test_a_worker_that_dies_after_sending_sends_the_same_again(world: Hooked) -> None:
    file_id = world.put("shop.csv")

    class Died(BaseException):
        pass

    class Dies:
        def __init__(self, client: Any) -> None:
            self._client = client

        def post(self, *arguments: Any) -> int:
            self._client.post(*arguments)
            raise Died

    sender = world.runtime.webhooks
    assert sender is not None
    dying = replace(world.runtime, webhooks=replace(sender, client=Dies(sender.client)))  # type: ignore[arg-type]
    with pytest.raises(Died):
        STEPS["post"](dying, "sales")
    world.post()
    assert len(world.receiver.got) == 1, "its lease is still held"
    world.later = timedelta(minutes=3)
    world.post()
    first, second = world.receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    assert world.posts(file_id) == [PostState.SENT]


def test_an_address_that_is_gone_gets_nothing_more_until_it_is_set_again(world: Hooked) -> None:
    world.receiver.status = 410
    first, second = world.put("a.csv"), world.put("b.csv")
    world.post()
    assert len(world.receiver.got) == 1
    assert world.posts(first) == world.posts(second) == [PostState.GIVEN_UP]
    [said] = world.alerts()
    assert "410" in said
    file = loaded(WebWorld(world.service, "", {}), "c.csv")
    assert STEPS["acknowledge"](world.runtime, file.file_id) == []
    made = set_webhook(world.runtime, FEED, "sales", world.receiver.url)
    assert (made.webhook.webhook_id, made.secret) == (world.webhook_id, None)
    world.receiver.status = 204
    world.put("d.csv")
    world.post()
    assert len(world.receiver.got) == 2
    assert world.alerts() == []


def test_no_redirect_is_followed_and_no_other_server_trusted(
    world: Hooked, authority: trustme.CA
) -> None:
    world.receiver.status = 302
    assert try_webhook(world.runtime, world.webhook_id) == 302
    assert len(world.receiver.got) == 1
    told = world.receiver.got[0]
    assert verified(world.secret, *told, world.now().timestamp())["type"] == "test"
    with receiver(trustme.CA()) as untrusted, receiver(authority, "other.example") as misnamed:
        for other in (untrusted, misnamed):
            set_webhook(world.runtime, FEED, "sales", other.url)
            with pytest.raises(ConfigError, match="not trusted"):
                try_webhook(world.runtime, world.webhook_id)
            assert other.got == []
    actions = [(each.action, each.phase) for each in list_acts(world.runtime, limit=3)]
    assert ("test_webhook", "failed") in actions


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example.com/", "ftp://erp.example.com/", "https://", "https:///x",
        "erp.example.com",
        "https://user:pass@erp.example.com/", "https://erp.example.com/#x", "https://[::1",
        "https://169.254.169.254/latest/meta-data", "https://127.0.0.1/", "https://[::1]/",
        "https://localhost/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://0/",
        "https://[fec0::1]/", "https://[::10.0.0.1]/", "https://[::ffff:0:10.0.0.1]/",
        "https://168.63.129.16/", "https://[::ffff:168.63.129.16]/",
        "https://[64:ff9b::a00:1]/", "https://[fe80::1]/", "https://2130706433/", "https://0x7f.1/",
        "https://erp.example.com:99999/", "https://erp.example.com/\n", "https://é.example.com/",
    ],
)  # fmt: skip
def test_addresses_that_are_not_on_the_internet_are_refused(url: str) -> None:
    with pytest.raises(ConflictError):
        HttpsClient(AddressGuard()).check(url)


def test_a_name_that_means_another_machine_by_then_is_not_connected_to(
    authority: trustme.CA, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS that answers with the internet first, and with this machine when it is asked again."""
    with receiver(authority) as found:
        port = int(found.url.rpartition(":")[2].partition("/")[0])
        answers = iter(["203.0.113.1", "127.0.0.1", "127.0.0.1"])
        asked = []

        def rebinding(host: str, *_: Any, **__: Any) -> list[Any]:
            asked.append(next(answers))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (asked[-1], port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        guard = AddressGuard([ip_network("203.0.113.0/24")])
        client = HttpsClient(guard, authority_file)
        client.check(found.url)
        with pytest.raises(ConflictError, match="not on the internet"):
            client.post(found.url, b"{}", {})
        assert asked == ["203.0.113.1", "127.0.0.1"]
        assert found.got == []


def test_a_server_that_never_ends_its_answer_is_left(
    authority: trustme.CA, authority_file: Path
) -> None:
    guard = AddressGuard([ip_network(each) for each in LOOPBACK])
    with receiver(authority) as found:
        found.drips = True
        with pytest.raises(RetryableError, match="does not answer"):
            post(found.url, b"{}", {}, whose="it", timeout=0.4, ca_file=authority_file, guard=guard)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/"
        with pytest.raises(RetryableError, match="does not answer"):
            post(url, b"{}", {}, whose="it", timeout=0.4, ca_file=authority_file, guard=guard)


def test_a_host_of_many_addresses_holds_nobody_up(
    authority: trustme.CA, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One address that takes no connection, and behind it one that never ends its answer."""
    with receiver(authority) as found, socket.socket() as full, ExitStack() as waiting:
        found.drips = True
        port = int(found.url.rpartition(":")[2].partition("/")[0])
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        both = ["127.0.0.2", "127.0.0.1"]

        def looked_up(host: str, *_: Any, **__: Any) -> list[Any]:
            hosts = both if host == "localhost" else [host]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in hosts]

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        guard = AddressGuard([ip_network(each) for each in LOOPBACK])
        failures: list[Exception] = []

        def tried() -> None:
            try:
                post(found.url, b"{}", {}, whose="it", timeout=0.3,
                     ca_file=authority_file, guard=guard)  # fmt: skip
            except RetryableError as error:
                failures.append(error)

        thread = Thread(target=tried, daemon=True)
        thread.start()
        thread.join(timeout=20)
        found.drips = False
        assert len(failures) == 1


def test_removed_and_unknown_webhooks(world: Hooked) -> None:
    file_id = world.put("shop.csv")
    assert [each.waiting for each in list_webhooks(world.runtime)] == [1]
    remove_webhook(world.runtime, world.webhook_id)
    world.post()
    assert world.receiver.got == []
    assert world.posts(file_id) == [PostState.GIVEN_UP]
    assert list_webhooks(world.runtime) == []
    for act in (remove_webhook, rotate_webhook, try_webhook):
        with pytest.raises(NotFoundError):
            act(world.runtime, world.webhook_id)
    with pytest.raises(NotFoundError):
        set_webhook(world.runtime, FEED, "nowhere", world.receiver.url)
    with pytest.raises(ConflictError):
        set_webhook(world.runtime, WebhookScope.SENDER, "nobody", world.receiver.url)
    without = replace(world.runtime, webhooks=None)
    with pytest.raises(ConfigError, match=r"webhooks\.secret"):
        set_webhook(without, FEED, "sales", world.receiver.url)
    assert [each.action for each in list_acts(world.runtime)] == ["remove_webhook", "set_webhook"]
