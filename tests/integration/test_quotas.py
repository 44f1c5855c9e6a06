"""The governor at work: batches, budgets, bad files and BigQuery's errors, over real sockets."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import quota
from pipelines.discover.step import discover
from pipelines.load.step import load
from pipelines.prepare.step import prepare
from schemas.errors import AccessDeniedError, FatalError, RetryableError, ThrottledError
from schemas.file import Status
from schemas.limits import Limits, Quotas
from small_service import SmallService, csv, small_service
from taking_in import found, taken_in


@pytest.fixture
def service(tmp_path: Path, bigquery_url: str) -> SmallService:
    return small_service(tmp_path, bigquery_url)


def test_one_damaged_file_is_found_by_halving_and_the_rest_is_loaded(
    service: SmallService,
) -> None:
    """The staged Parquet of one file of 16 holds bytes that are no text: the warehouse itself
    refuses the load job."""
    for number in range(16):
        service.drop(f"{number:02}.csv", csv(f"k{number}"))
    runtime = service.runtime
    taken_in(runtime, "sales")
    bad = next(file for file in runtime.ledger.files.latest() if file.item.name == "11.csv")
    _poison(service.folder / "storage" / bad.staged_keys[0], bad.file_id)
    files = service.run()
    assert {file.status for file in files} == {Status.DONE}
    assert {str(file.outcome) for file in files if file.file_id != bad.file_id} == {"accepted"}
    found = runtime.ledger.files.get(bad.file_id)
    assert str(found.outcome) == "quarantined"
    assert found.reason is not None
    assert service.sql("SELECT COUNT(*) FROM DATA.sales WHERE day > '2000-01-01'") == [(15,)]
    # 16 refused, 8 loaded, 4 refused, 2 loaded, 1 loaded, 1 refused, then the others
    outcomes = [
        each.outcome for each in runtime.ledger.timelines.of(bad.file_id) if each.step == "load"
    ]
    assert outcomes == ["split", "split", "quarantined", "committed"]
    assert len(service.load_jobs()) == 7


def _poison(path: Path, file_id: str) -> None:
    """Text that is not UTF-8 in one file's rows: only the warehouse, which reads each cell,
    notices."""
    table = pq.read_table(path)
    cells = zip(table.column("id").to_pylist(), table.column("_etl_file").to_pylist(), strict=True)
    texts = [b"\xff\xfe\xff" if of == file_id else cell.encode() for cell, of in cells]
    raw = pa.array(texts, pa.binary()).view(pa.string())
    path.unlink()  # landed files are links to one another
    pq.write_table(table.set_column(0, pa.field("id", pa.string()), raw), path)


def test_a_staged_file_that_is_gone_takes_nobody_with_it(service: SmallService) -> None:
    for number in range(3):
        service.drop(f"{number}.csv", csv(f"k{number}"))
    for file_id in found(service.runtime, "sales"):
        prepare(service.runtime, file_id)
    gone, damaged, _ = sorted(
        service.runtime.ledger.files.latest(), key=lambda file: file.item.name
    )
    (service.folder / "storage" / gone.staged_keys[0]).unlink()
    (service.folder / "storage" / damaged.staged_keys[0]).write_bytes(b"PAR1 not at all")
    files = service.run()
    assert [str(file.outcome) for file in files] == ["quarantined", "quarantined", "accepted"]
    assert "is gone" in (files[0].reason or "")
    assert "is damaged" in (files[1].reason or "")
    assert len(service.load_jobs()) == 1
    service.runtime.ledger.files.retry(gone.file_id)
    assert service.run()[0].outcome == "accepted"


def test_files_wait_for_the_budget_and_go_on_after_midnight_pacific(
    service: SmallService, caplog: pytest.LogCaptureFixture
) -> None:
    morning = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)
    service.with_runtime(
        now=lambda: morning, quotas=Quotas(table_load_jobs=2, share=1, spread_from=0.01)
    )
    service.drop("1.csv", csv("a"))
    assert [file.status for file in service.run()] == [Status.DONE]
    service.drop("2.csv", csv("b"))
    caplog.clear()
    assert [file.status for file in service.run()] == [Status.DONE, Status.PREPARED]
    pause = quota.holding(service.runtime, "sales")
    assert pause is not None
    assert pause.until == datetime(2026, 11, 4, 8, 0, tzinfo=UTC)
    assert "1 of the table's 2 load jobs of today are used" in caplog.text
    service.with_runtime(now=lambda: morning + timedelta(hours=16))
    assert quota.holding(service.runtime, "sales") is None
    assert [file.status for file in service.run()] == [Status.DONE, Status.DONE]


def test_discover_counts_what_is_prepared_and_not_loaded(service: SmallService) -> None:
    service.with_runtime(limits=Limits(queued_files=3))
    for number in range(3):
        service.drop(f"{number}.csv", csv(f"k{number}"))
    taken_in(service.runtime, "sales")
    service.drop("9.csv", csv("k9"))
    assert discover(service.runtime, "sales") == []
    load(service.runtime, "sales")
    assert len(discover(service.runtime, "sales")) == 1


# Errors, injected into real answers


@dataclass
class Fault:
    """An answer in place of the warehouse's, for so many requests that match."""

    method: str
    path: str
    status: int
    reason: str
    times: int = 1
    message: str = "injected"

    def body(self) -> bytes:
        error = {"domain": "global", "reason": self.reason, "message": self.message}
        listed = [error] if self.reason else []
        whole = {"error": {"code": self.status, "message": self.message, "errors": listed}}
        return json.dumps(whole).encode()


@dataclass
class Saboteur:
    """A proxy before the warehouse. A fault of status 0 drops the connection; one of status 200
    fails the job that is asked for."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def fault(self, method: str, path: str) -> Fault | None:
        self.seen.append(f"{method} {path}")
        for each in self.faults:
            if each.times and each.method == method and re.search(each.path, path):
                each.times -= 1
                return each
        return None


@contextmanager
def saboteur(target: str) -> Iterator[Saboteur]:
    made = Saboteur("")

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            fault = made.fault(self.command, self.path)
            if fault is not None and fault.status == 0:
                self.connection.shutdown(SHUT_RDWR)
                return
            if fault is not None and fault.status != 200:
                self._answer(fault.status, {"Content-Type": "application/json"}, fault.body())
                return
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "content-length", "accept-encoding", "connection")
            }
            request = urllib.request.Request(
                target + self.path, body or None, headers, method=self.command
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    status, got, text = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, got, text = error.code, error.headers, error.read()
            if fault is not None:
                job = json.loads(text)
                failed = {"reason": fault.reason, "message": fault.message}
                job["status"] = {"state": "DONE", "errorResult": failed, "errors": [failed]}
                text = json.dumps(job).encode()
            kept = {
                name: value.replace(target, made.url)
                for name, value in got.items()
                if name.lower() in ("content-type", "location", "range")
                or name.lower().startswith("x-")
            }
            self._answer(status, kept, text)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def proxied(
    bigquery_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SmallService, Saboteur]]:
    """A service that talks through the saboteur."""
    with saboteur(bigquery_url) as between:
        yield small_service(tmp_path_factory.mktemp("proxied"), between.url), between


def _drop_one(service: SmallService, between: Saboteur, *faults: Fault) -> str:
    """A new file, and faults that await it; its key."""
    between.faults = list(faults)
    between.seen.clear()
    key = f"k{len(service.runtime.ledger.files.latest(limit=1000))}"
    service.drop(f"{key}.csv", csv(key))
    return key


JOBS = r"^(?!/upload).*/projects/demo/jobs(\?|$)"
UPLOAD = r"/upload/"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", JOBS, 403, "rateLimitExceeded", times=2),
        Fault("POST", JOBS, 503, "backendError", times=2),
        Fault("POST", JOBS, 502, ""),
        Fault("POST", JOBS, 429, ""),
        Fault("POST", JOBS, 0, ""),
        Fault("POST", UPLOAD, 503, "backendError"),
        Fault("GET", r"/jobs/waybill_", 503, "backendError"),
        Fault("GET", r"/jobs/waybill_", 0, ""),
        Fault("POST", r"/datasets/\w+_staging/tables", 403, "rateLimitExceeded"),
    ],
    ids=lambda fault: f"{fault.method}-{fault.status}-{fault.reason}",
)
def test_what_passes_within_seconds_is_waited_for(
    proxied: tuple[SmallService, Saboteur], fault: Fault
) -> None:
    service, between = proxied
    key = _drop_one(service, between, fault)
    files = service.run()
    assert fault.times == 0, between.seen
    assert {file.status for file in files} == {Status.DONE}
    assert service.sql(f"SELECT COUNT(*) FROM DATA.sales WHERE id = '{key}'") == [(1,)]


def test_an_exceeded_quota_pauses_the_table_for_minutes(
    proxied: tuple[SmallService, Saboteur],
) -> None:
    service, between = proxied
    key = _drop_one(service, between, Fault("POST", UPLOAD, 403, "quotaExceeded", times=99))
    with pytest.raises(ThrottledError, match="injected"):
        service.run()
    pause = quota.holding(service.runtime, "sales")
    assert pause is not None
    wait = pause.until - datetime.now(UTC)
    assert timedelta(minutes=9) < wait < timedelta(minutes=11)
    between.seen.clear()
    assert load(service.runtime, "sales") == []
    assert not [each for each in between.seen if "upload" in each]
    # ten minutes later
    table = service.runtime.warehouse.table_id(service.runtime.contracts["sales"])
    service.runtime.ledger.quota.pause(table, datetime.now(UTC), "over")
    between.faults.clear()
    service.run()
    assert service.sql(f"SELECT COUNT(*) FROM DATA.sales WHERE id = '{key}'") == [(1,)]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("rateLimitExceeded", RetryableError), ("quotaExceeded", ThrottledError)],
)
def test_a_job_that_failed_for_a_limit_gets_a_new_id_later(
    proxied: tuple[SmallService, Saboteur], reason: str, kind: type[Exception]
) -> None:
    """The job was taken and has failed: its id is spent, and the next attempt is another job."""
    service, between = proxied
    key = _drop_one(service, between, Fault("GET", r"/jobs/waybill_\w+_1\?", 200, reason))
    between.faults.append(Fault("POST", UPLOAD, 200, reason))
    with pytest.raises(kind):
        service.run()
    between.faults.clear()
    table = service.runtime.warehouse.table_id(service.runtime.contracts["sales"])
    service.runtime.ledger.quota.pause(table, datetime.now(UTC), "over")
    service.run()
    assert service.sql(f"SELECT COUNT(*) FROM DATA.sales WHERE id = '{key}'") == [(1,)]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("POST", JOBS, 403, "accessDenied", times=9), AccessDeniedError),
        (Fault("POST", JOBS, 400, "bytesBilledLimitExceeded", times=9), FatalError),
    ],
    ids=lambda each: getattr(each, "reason", ""),
)
def test_what_a_person_must_mend_stops_the_feed(
    proxied: tuple[SmallService, Saboteur], fault: Fault, kind: type[Exception]
) -> None:
    service, between = proxied
    _drop_one(service, between, fault)
    try:
        with pytest.raises(kind):
            service.run()
        state = service.runtime.ledger.feeds.state("sales")
    finally:
        between.faults.clear()
        service.runtime.ledger.feeds.resume("sales")
    assert state.stopped_at is not None
    assert "injected" in (state.reason or "")
    assert {file.status for file in service.run()} == {Status.DONE}


def test_a_warehouse_that_stays_away_is_retryable(
    proxied: tuple[SmallService, Saboteur], monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.bigquery import session

    monkeypatch.setattr(session, "RETRY", session.RETRY.with_timeout(2))
    service, between = proxied
    for status in (503, 0):
        between.faults = [Fault("POST", JOBS, status, "", times=999)]
        with pytest.raises(RetryableError):
            service.runtime.warehouse.check()
    between.faults.clear()


def test_every_query_has_a_bound_on_what_it_may_cost(
    proxied: tuple[SmallService, Saboteur],
) -> None:
    service, _ = proxied
    key = "bounded"
    service.drop(f"{key}.csv", csv(key))
    service.run()
    queries = [job for job in service.client.list_jobs(max_results=20) if job.job_type == "query"]
    ours = [job for job in queries if job.job_id.startswith("waybill_")]
    assert ours
    assert {job.maximum_bytes_billed for job in ours} == {1024**4}
