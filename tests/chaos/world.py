"""The world in which things break: every server behind a proxy, two workers and two beats."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from imapclient import IMAPClient
from ruamel.yaml import YAML

from chaos.deeds import Deed
from chaos.proxy import HOST, Proxy, proxies
from chaos.sink import Sink
from chaos.twin import Twin
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from entrypoints.demo import servers
from entrypoints.demo.postgres import postgres
from entrypoints.demo.process import free_ports
from entrypoints.demo.servers import MailEndpoint, S3Endpoint
from pipelines.operations.keys import create_key
from pipelines.runtime import Runtime
from schemas.key import Role
from strict_bigquery.control import front_process, open_front

ROOT = Path(__file__).resolve().parents[2]
BUCKET, STORE, MAILBOX = "drop", "store", "reports@example.com"
_WARNING = re.compile(r"\d{4}-\d\d-\d\d \S+ [WEC] ")
_WEB = "web-1"
_COMMANDS = {"worker-1": "worker", "worker-2": "worker", "beat-1": "beat", "beat-2": "beat"}


@dataclass(slots=True)
class Service:
    """One of our own processes, with whatever it started."""

    name: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """kill -9, children included."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class World:
    """Everything that runs. Servers are reached only through their proxies."""

    def __init__(self, folder: Path, ledger: str, stack: ExitStack) -> None:
        self.folder, self.sink = folder, Sink()
        self.crash_file, self.told = folder / "crash", folder / "told.jsonl"
        self._services: dict[str, Service] = {}
        [self.web_port] = free_ports(1)
        self._token = ""
        loop = stack.enter_context(proxies())
        starts: dict[str, tuple[Any, Any]] = {
            "redis": (servers.valkey, lambda url: urlsplit(url).port),
            "s3": (servers.seaweed, lambda s3: urlsplit(s3.url).port),
            "imap": (servers.mail, lambda mail: mail.imap_port),
            "smtp": (self.sink.serve, lambda port: port),
            "bigquery": (servers.bigquery, lambda url: urlsplit(url).port),
        }
        if ledger == "postgres":
            starts["postgres"] = (postgres, lambda url: urlsplit(url).port)
        self.twins = {
            name: Twin(name, folder / "servers" / name, start, port_of, Proxy(loop))
            for name, (start, port_of) in starts.items()
        }
        for twin in self.twins.values():
            stack.callback(twin.stop)
            twin.start()
        stack.callback(self._kill_services)
        self._mails: list[EmailMessage] = []
        fronts = stack.enter_context(front_process(folder / "servers" / "strict"))
        emulator = f"http://{HOST}:{self._port('bigquery')}"
        self.front = open_front(fronts, emulator)
        self.config = self._write_config(ledger)
        for bucket in (BUCKET, STORE):
            self._s3().create_bucket(Bucket=bucket)

    @property
    def runtime(self) -> Runtime:
        """The project's own view of this world."""
        return build_runtime(read_settings(self.config))

    def _port(self, name: str) -> int:
        return self.twins[name].proxy.port

    def _write_config(self, ledger: str) -> Path:
        feeds = self.folder / "dags"
        feeds.mkdir()
        for path in (ROOT / "dags").glob("[a-z]*.py"):
            found = re.sub(r"every\(minutes=\d+\)", "every(seconds=2)", path.read_text())
            # Each feed's command writes down what it is told; a line is appended in one piece.
            told = ["/bin/sh", "-c", 'line=$(cat); echo "$line" >> "$0"', str(self.told)]
            found = found.replace("schedule=", f"after_load={told!r}, schedule=")
            (feeds / path.name).write_text(found)
        s3: S3Endpoint = self.twins["s3"].endpoint
        mail: MailEndpoint = self.twins["imap"].endpoint
        secrets = self.folder / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "s3").write_text(s3.secret_key)
        (secrets / "mail").write_text(mail.password)
        url = f"sqlite:///{self.folder / 'ledger.db'}"
        if ledger == "postgres":
            url = f"postgresql+psycopg://etl@{HOST}:{self._port('postgres')}/postgres"
        drop = {
            "type": "s3", "bucket": BUCKET, "endpoint": f"http://{HOST}:{self._port('s3')}",
            "region": s3.region, "access_key": s3.access_key, "secret_key_file": f"{secrets}/s3",
        }  # fmt: skip
        partners = {
            "type": "mailbox", "host": HOST, "port": self._port("imap"), "tls": "none",
            "user": MAILBOX, "password_file": f"{secrets}/mail", "own_address": MAILBOX,
            "timeout": 10,
        }  # fmt: skip
        storage = {"type": "objects", "url": str(self.folder / "storage")}
        if ledger == "postgres":
            # What production has: everything away from the worker's own disk.
            storage["url"] = f"s3://{STORE}/waybill"
            storage |= {name: drop[name] for name in ("endpoint", "region", "access_key")}
            storage["secret_key_file"] = drop["secret_key_file"]
        config = {
            "broker": {"url": f"redis://{HOST}:{self._port('redis')}/0", "visibility_seconds": 20},
            "ledger": {"type": "sql", "url": url},
            "storage": storage,
            "warehouse": {
                "type": "bigquery", "project": "demo", "location": "US", "job_timeout": 10,
                "api_endpoint": self.front.url, "lost_seconds": 0,
            },
            "mail": {
                "type": "smtp", "host": HOST, "port": self._port("smtp"), "tls": "none",
                "sender": MAILBOX, "timeout": 10,
            },
            "sources": {"drop": drop, "partners": partners},
            "limits": {
                "batch_seconds": 1, "recover_seconds": 2, "lease_seconds": 10, "retry_seconds": 1,
                "attempts": 12, "small_bytes": 30_000, "part_bytes": 8_000, "block_bytes": 4_000,
            },
            "folders": {
                "contracts": str(ROOT / "schemas"), "feeds": str(feeds),
                "work": str(self.folder / "work"),
            },
            "web": {"port": self.web_port, "requests_a_minute": 100_000},
            "concurrency": 2,
        }  # fmt: skip
        path = self.folder / "config.yaml"
        yaml = YAML(typ="safe", pure=True)
        with path.open("w", encoding="utf-8") as out:
            yaml.dump(config, out)
        return path

    def start_services(self) -> None:
        """Start whichever of the two workers and two beats does not run."""
        for name, command in _COMMANDS.items():
            running = self._services.get(name)
            if running is None or running.process.poll() is not None:
                self._services[name] = self._start(name, command)
        if _WEB in self._services:
            self.start_web()

    def start_web(self) -> None:
        """Start the web process, unless it runs."""
        running = self._services.get(_WEB)
        if running is None or running.process.poll() is not None:
            self._services[_WEB] = self._start(_WEB, "web")

    def _start(self, name: str, command: str, prefix: tuple[str, ...] = ()) -> Service:
        work = self.folder / name
        work.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "WAYBILL_CRASH_FILE": str(self.crash_file),
            "WAYBILL_FOLDERS__WORK": str(work),
            "PYTHONPATH": str(ROOT),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*prefix, *self._command(command)], stdout=log, stderr=log, env=environment,
                start_new_session=True, cwd=work,
            )  # fmt: skip
        return Service(name, process)

    def restart(self, name: str, prefix: tuple[str, ...] = ()) -> None:
        """kill -9 one of our own processes and start it anew, perhaps under another command."""
        self._services[name].kill()
        self._services[name] = self._start(name, _COMMANDS[name], prefix)

    def kill_service(self, name: str) -> None:
        """kill -9 one of our own processes."""
        self._services[name].kill()

    def _kill_services(self) -> None:
        for each in self._services.values():
            each.kill()

    def bring_back(self) -> None:
        """Start every server and process that is down, as their supervisors would."""
        for twin in self.twins.values():
            twin.proxy.delay = 0.0
            if twin.proxy.target is None:
                twin.start()
                if twin.name == "imap":
                    self._redeliver()
                if twin.name == "bigquery":
                    self.front.crashed()
        self.start_services()

    def last_words(self, most: int = 4) -> list[str]:
        """The latest warnings and errors of the workers."""
        found: list[str] = []
        for path in sorted(self.folder.glob("worker-*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line for line in lines if _WARNING.match(line)]
            found += [f"{path.stem}: {line[:500]}" for line in said[-most:]]
        return found

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `waybill` to its end."""
        return subprocess.run(
            self._command(*arguments), capture_output=True, text=True, timeout=120, cwd=ROOT,
            check=False,
        )  # fmt: skip

    def cli_killed(self, *arguments: str, seconds: float) -> None:
        """Run `waybill` for so many seconds at the most; then kill -9."""
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                self._command(*arguments), capture_output=True, timeout=seconds, cwd=ROOT,
                check=False,
            )  # fmt: skip

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "entrypoints.cli", "--config", str(self.config), *arguments]

    def do(self, deed: Deed) -> None:
        """Drop or mail a file. A sender tries until it works."""
        if deed.upload is not None:
            self._until_it_works(lambda: self._upload(deed))
        elif deed.key is not None:
            self._until_it_works(lambda: self._drop(deed))
        else:
            message = _message(deed)
            self._mails.append(message)
            self._until_it_works(lambda: self._append([message]))

    def _upload(self, deed: Deed) -> None:
        """Send a file under the same Idempotency-Key as before, if it was sent before."""
        self.start_web()
        if not self._token:
            self._token = create_key(self.runtime, "partner", Role.OPERATOR, ["*"]).token
        request = urllib.request.Request(
            f"http://{HOST}:{self.web_port}/api/v1/feeds/{deed.upload}/uploads/{deed.name}",
            deed.body,
            {"Authorization": f"Bearer {self._token}", "Idempotency-Key": deed.name},
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=20):
            pass

    def _drop(self, deed: Deed) -> None:
        self._s3().put_object(Bucket=BUCKET, Key=str(deed.key), Body=deed.body)

    def _redeliver(self) -> None:
        """The local mail server keeps its mail in memory; a real one would still have it."""
        self._append(self._mails)

    def _append(self, messages: list[EmailMessage]) -> None:
        mail: MailEndpoint = self.twins["imap"].endpoint
        with IMAPClient(HOST, mail.imap_port, ssl=False, timeout=10) as client:
            client.login(MAILBOX, mail.password)
            for message in messages:
                client.append("INBOX", message.as_bytes(), msg_time=datetime.now(UTC))

    def _until_it_works(self, attempt: Any) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                attempt()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                self._start_senders_servers()
                time.sleep(0.3)

    def _start_senders_servers(self) -> None:
        for name in ("s3", "imap"):
            if self.twins[name].proxy.target is None:
                self.twins[name].start()
                if name == "imap":
                    self._redeliver()

    def receipt(self, key: str) -> bytes | None:
        """The machine's receipt beside a drop."""
        client = self._s3()
        try:
            found = client.get_object(Bucket=BUCKET, Key=f"{key}.receipt.json")
        except client.exceptions.NoSuchKey:
            return None
        body: bytes = found["Body"].read()
        return body

    def _s3(self) -> Any:
        endpoint: S3Endpoint = self.twins["s3"].endpoint
        return boto3.client(
            "s3", endpoint_url=endpoint.url, region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key, aws_secret_access_key=endpoint.secret_key,
        )  # fmt: skip


def _message(deed: Deed) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = deed.sender, MAILBOX, f"Report {deed.name}"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{deed.name}@example.org>"
    message.set_content("Please find the report attached.\n")
    message.add_attachment(deed.body, maintype="text", subtype="csv", filename=deed.name)
    return message


@contextmanager
def world(folder: Path, ledger: str) -> Iterator[World]:
    """A world with its tables and ledger made, and its services running."""
    with ExitStack() as stack:
        made = World(folder, ledger, stack)
        applied = made.cli("apply")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        made.start_services()
        yield made
