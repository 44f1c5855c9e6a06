"""Uploads over a real socket: all of a file is taken, once, or nothing of it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from web_world import GOOD, WebWorld, web_world

V1 = "/api/v1"
BODY = GOOD.encode()


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


GIVEN = digest(BODY)
TWICE = f"{GIVEN}, {digest(b'other')}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[WebWorld]:
    web = {
        "requests_a_minute": 100_000, "failures_a_minute": 100_000, "upload_bytes": 2_000_000,
        "upload_stall_seconds": 0.5,
    }  # fmt: skip
    with web_world(tmp_path_factory.mktemp("uploads"), redis_url, web=web) as made:
        yield made


def put(
    world: WebWorld, path: str, body: Any = BODY, role: str = "operator", feeds: str = "*",
    **headers: str,
) -> tuple[int, Any]:  # fmt: skip
    connection = http.client.HTTPConnection(urlsplit(world.url).netloc, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Authorization"] = f"Bearer {world.asking(role, feeds).token}"
    try:
        connection.request("PUT", V1 + path, body, named)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def left(world: WebWorld) -> tuple[int, list[str], list[Path]]:
    runtime = world.service.runtime
    return (
        runtime.ledger.files.waiting("sales"),
        [*runtime.storage.list("uploads")],
        [*runtime.work_folder.glob("upload-*")],
    )


def test_a_file_is_taken_once(world: WebWorld) -> None:
    key = {"Idempotency_Key": "once", "Content_Digest": f"{digest(b'other')},{GIVEN}"}
    status, taken = put(world, "/feeds/sales/uploads/a%20b.csv", **key)
    assert (status, taken["name"], taken["size"]) == (201, "a b.csv", len(BODY)), taken
    assert put(world, "/feeds/sales/uploads/a%20b.csv", **key) == (201, taken)
    other = {**key, "Content_Digest": digest(b"other")}
    status, problem = put(world, "/feeds/sales/uploads/a%20b.csv", b"other", **other)
    assert (status, "Idempotency-Key" in problem["detail"]) == (422, True), problem
    file = world.asking("viewer").get(f"{V1}/files/{taken['file_id']}").json
    assert (file["source"], file["status"]) == ("uploads", "discovered")
    # Another key's Idempotency-Keys are its own.
    status, theirs = put(world, "/feeds/sales/uploads/a%20b.csv", role="steward", **key)
    assert (status, theirs["file_id"] != taken["file_id"]) == (201, True)


def test_a_body_in_chunks_is_more_than_a_request_may_hold_otherwise(world: WebWorld) -> None:
    blocks = (b"x" * 100_000 for _ in range(15))
    status, taken = put(world, "/feeds/sales/uploads/large.csv", blocks)
    assert (status, taken["size"]) == (201, 1_500_000), taken


@pytest.mark.parametrize(
    ("status", "path", "body", "headers"),
    [
        (404, "/feeds/nowhere/uploads/a.csv", BODY, {}),
        (422, "/feeds/sales/uploads/a.csv", b"", {}),
        (422, "/feeds/sales/uploads/a.csv", BODY, {"Content_Digest": digest(b"other")}),
        (422, "/feeds/sales/uploads/a.csv", BODY, {"Content_Digest": "sha-512=:aaaa:"}),
        # Of several with one name the last counts (RFC 8941).
        (422, "/feeds/sales/uploads/a.csv", BODY, {"Content_Digest": TWICE}),
        (422, "/feeds/sales/uploads/a.csv", BODY, {"Content_Digest": f"{GIVEN}, sha-256=:no:"}),
        (422, "/feeds/sales/uploads/a.csv", BODY, {"Idempotency_Key": "x" * 201}),
        (415, "/feeds/sales/uploads/a.csv", BODY, {"Content_Encoding": "gzip"}),
        (400, "/feeds/sales/uploads/a.csv", BODY, {"Content_Range": "bytes 9-57/58"}),
        (413, "/feeds/sales/uploads/a.csv", b"x" * 2_000_001, {}),
        (413, "/feeds/sales/uploads/a.csv", (b"x" * 500_000 for _ in range(5)), {}),
        (422, "/feeds/sales/uploads/a%2Fb.csv", BODY, {}),
        (422, "/feeds/sales/uploads/..%5C..%5Cb.csv", BODY, {}),
        (422, "/feeds/sales/uploads/a%00b.csv", BODY, {}),
        (422, "/feeds/sales/uploads/a%FFb.csv", BODY, {}),
        (422, "/feeds/sales/uploads/a%0Ab.csv", BODY, {}),
        (422, "/feeds/sales/uploads/a.csv%0A", BODY, {}),
        (422, f"/feeds/sales/uploads/{quote('vsc.\u202efdp')}", BODY, {}),
        (422, f"/feeds/sales/uploads/{'x' * 256}", BODY, {}),
    ],
)
def test_nothing_is_kept_of_what_is_refused(
    world: WebWorld, status: int, path: str, body: Any, headers: dict[str, str]
) -> None:
    before = left(world)
    found, problem = put(world, path, body, **headers)
    assert (found, bool(problem["hint"])) == (status, True), problem
    assert left(world) == before


def test_of_other_feeds_nobody_learns_whether_they_are_there(world: WebWorld) -> None:
    told = [
        put(world, f"/feeds/{feed}/uploads/a.csv", feeds="sales") for feed in ("other", "nowhere")
    ]
    assert told[0][0] == told[1][0] == 404
    assert told[0][1]["detail"] == told[1][1]["detail"]


def test_a_stopped_feed_takes_nothing(world: WebWorld) -> None:
    world.service.ledger.feeds.stop("other", "for a while")
    assert put(world, "/feeds/other/uploads/a.csv")[0] == 409
    world.service.ledger.feeds.resume("other")


@pytest.mark.parametrize("ends", ["cut", "stalled"])
def test_what_is_cut_or_stalls_leaves_nothing(world: WebWorld, ends: str) -> None:
    before = left(world)
    at = urlsplit(world.url)
    head = (
        f"PUT {V1}/feeds/sales/uploads/cut.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n"
        f"Authorization: Bearer {world.asking('operator').token}\r\n\r\n"
    )
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=20) as line:
        line.sendall(head.encode() + b"x" * 100)
        wait_until(lambda: left(world) != before)
        if ends == "stalled":
            assert b" 408 " in line.recv(1000).split(b"\r\n")[0]
    wait_until(lambda: left(world) == before)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
