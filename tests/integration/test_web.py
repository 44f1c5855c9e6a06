"""The API over a real socket: what it answers, to whom, and what it keeps to itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console_world import PARTNERS
from pipelines.operations.acts import verify_acts
from pipelines.operations.contract_revisions import add_revision, push
from schemas.item import Item, Page
from schemas.unmatched import Unmatched, UnmatchedItem, Why
from web_server import Asking
from web_world import BAD, GOOD, IBAN, LONG, PARTLY, WebWorld, web_world

V1 = "/api/v1"
DOTS = "•••"


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> Iterator[WebWorld]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with web_world(tmp_path_factory.mktemp("web"), redis_url, ledger_url=url) as made:
        yield made


def pages(ask: Asking, path: str) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, by its links."""
    while True:
        found = ask.get(path)
        assert found.status == 200, found.body
        yield found.json["items"]
        if found.json["next"] is None:
            assert "Link" not in {name.title() for name in found.headers}
            return
        path = found.json["next"]
        link = {name.lower(): value for name, value in found.headers.items()}["link"]
        assert link == f'<{path}>; rel="next"'


def test_files_are_found_and_paged(world: WebWorld) -> None:
    for number in range(5):
        world.put(f"page{number}.csv", GOOD.replace("A,", f"P{number},"))
    world.put("page9.csv", GOOD, feed="other")
    ask = world.asking("viewer")
    seen = [each["name"] for page in pages(ask, f"{V1}/files?limit=2") for each in page]
    assert len(seen) == len(set(seen))
    assert {f"page{number}.csv" for number in (0, 1, 2, 3, 4, 9)} <= set(seen)
    begin = [
        [each["name"] for each in page] for page in pages(ask, f"{V1}/files?starts=page&limit=4")
    ]
    assert [len(each) for each in begin] == [4, 2]
    assert begin[0] == ["page0.csv", "page1.csv", "page2.csv", "page3.csv"]
    [inside] = pages(ask, f"{V1}/files?feed=sales&contains=age3")
    assert [each["name"] for each in inside] == ["page3.csv"]
    file_id = str(inside[0]["file_id"])
    [by_id] = pages(ask, f"{V1}/files?starts={file_id[:8]}")
    assert [each["file_id"] for each in by_id] == [file_id]
    own = [
        each
        for page in pages(world.asking("viewer", "oth*"), f"{V1}/files?limit=1")
        for each in page
    ]
    assert {each["feed"] for each in own} == {"other"}
    assert ask.get(f"{V1}/files?contains=x").status == 409
    assert ask.get(f"{V1}/files?cursor=nonsense").status == 422
    assert ask.get(f"{V1}/files?status=odd").status == 409
    assert ask.get(f"{V1}/files?since=2026-11-03T10:00:00").status == 422


def test_values_that_are_not_public_are_seen_by_stewards_alone(world: WebWorld) -> None:
    file = world.done(world.put("partly.csv", PARTLY))
    bad = world.put("bad.csv", BAD)
    for role, sees in (("viewer", False), ("operator", False), ("steward", True)):
        ask = world.asking(role)
        told = [
            ask.get(f"{V1}/files/{each.file_id}{path}")
            for each in (file, bad)
            for path in ("", "/rejected-rows", "/rejected.csv", "/receipt")
        ]
        assert [each.status for each in told] == [200] * 8
        text = b"".join(each.body for each in told).decode()
        assert (IBAN in text, LONG in text) == (sees, sees), role
        raw = ask.get(f"{V1}/files/{file.file_id}/raw")
        assert raw.status == {"viewer": 403, "operator": 409, "steward": 200}[role]
        if sees:
            assert raw.body.decode() == PARTLY
    rows = world.asking("viewer").get(f"{V1}/files/{file.file_id}/rejected-rows").json["items"]
    by_line = {row["line"]: row for row in rows}
    many = by_line[3]
    assert many["cells"] == {"id": "B", "day": "2026-11-03", "amount": "many", "iban": DOTS}
    assert many["problems"][0]["value"] == "many"
    assert "many" in many["problems"][0]["message"]
    assert by_line[4]["problems"][0]["value"] == DOTS
    assert set(by_line[5]["cells"].values()) == {DOTS}, "its cells may stand in other columns"
    only = world.asking("viewer").get(
        f"{V1}/files/{file.file_id}/rejected-rows?column=amount&limit=1"
    )
    assert [row["line"] for row in only.json["items"]] == [3]
    masked = world.asking("viewer").get(f"{V1}/files/{file.file_id}/rejected.csv")
    table = list(csv.DictReader(io.StringIO(masked.body.decode())))
    assert "_file" not in table[0]
    assert {each["iban"] for each in table} == {DOTS}


def test_nobody_learns_of_files_of_other_feeds(world: WebWorld) -> None:
    theirs = world.put("theirs.csv", GOOD, feed="other")
    alert = world.alert("other")
    ask = world.asking("admin", "sales")

    def told(method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        found = ask(method, f"{V1}{path}", body)
        return found.status, {**found.json, "request_id": None}

    for method, path, body in (
        ("GET", "/files/{}", None), ("GET", "/files/{}/receipt", None),
        ("GET", "/files/{}/rejected-rows", None), ("GET", "/files/{}/rejected.csv", None),
        ("GET", "/files/{}/raw", None), ("POST", "/files/{}/retry", {}),
        ("POST", "/files/{}/release", None), ("POST", "/files/{}/unload", None),
        ("POST", "/files/{}/replay", {}),
    ):  # fmt: skip
        known = told(method, path.format(theirs.file_id), body)
        assert known == told(method, path.format("0" * 16), body)
        assert known[0] == 404
    assert told("GET", f"/alerts/{alert}") == told("GET", f"/alerts/{'0' * 12}")
    assert told("GET", "/feeds/other") == told("GET", "/feeds/nothing")
    assert told("GET", "/files?feed=other") == told("GET", "/files?feed=nothing")
    weak = world.asking("viewer", "sales")
    for file_id in (theirs.file_id, "0" * 16):
        assert weak.post(f"{V1}/files/{file_id}/retry", {}).status == 403


def test_only_what_was_seen_is_changed(world: WebWorld) -> None:
    file = world.done(world.put("seen.csv", GOOD.replace("A,", "S,")))
    ask = world.asking("operator")
    path = f"{V1}/files/{file.file_id}"
    etag = ask.get(path).headers["etag"]
    assert ask.get(path, If_None_Match=etag).status == 200  # its timeline may be another
    assert ask.post(f"{path}/retry", {}, If_Match='"old"').status == 412
    again = ask.post(f"{path}/retry", {}, If_Match=etag)
    assert (again.status, again.json["status"]) == (200, "discovered")
    assert ask.get(path, If_None_Match=etag).status == 200
    late = ask.post(f"{path}/retry", {})
    assert (late.status, late.headers["content-type"]) == (409, "application/problem+json")
    assert "on its way" in late.json["detail"]
    events = [each["step"] for each in ask.get(path).json["timeline"]]
    assert events[-1] == "retry"


def test_acts_of_programs_are_written_down(world: WebWorld) -> None:
    ask = world.asking("steward")
    done = ask.post(f"{V1}/feeds/sales/stop", {"reason": "audit"}, X_Request_Id="req-7")
    assert (done.json["stopped_why"], done.headers["x-request-id"]) == ("audit", "req-7")
    assert ask.post(f"{V1}/feeds/sales/backfill", {}).status == 409
    assert ask.post(f"{V1}/feeds/sales/resume").json["stopped_at"] is None
    alert = world.alert()
    known = ask("PUT", f"{V1}/alerts/{alert}/acknowledgement", {"until": "2199-01-01T00:00:00Z"})
    assert known.json["acknowledged_by"].startswith("steward of *")
    assert ask("DELETE", f"{V1}/alerts/{alert}/acknowledgement").json["acknowledged_by"] is None
    assert world.asking("steward").get(f"{V1}/acts").status == 403
    only_files = ask("PUT", f"{V1}/alerts/{alert}/dismissal", {"note": "why"})
    assert (only_files.status, "single files" in only_files.json["hint"]) == (409, True)
    admin = world.asking("admin")
    acts = admin.get(f"{V1}/acts?on=sales").json["items"]
    stop = next(each for each in acts if each["action"] == "stop")
    assert (stop["via"], stop["request_id"], stop["origin"]) == ("api", "req-7", "127.0.0.1")
    assert verify_acts(world.service.runtime).broken_at is None
    numbers = [each["number"] for page in pages(admin, f"{V1}/acts?limit=3") for each in page]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 1


def test_many_are_sent_again_by_a_filter(world: WebWorld) -> None:
    file = world.done(world.put("again.csv", BAD.replace("A,", "Q,")))
    body = {"feed": "sales", "status": "quarantined"}
    done = world.asking("operator").post(f"{V1}/files/retry", body)
    assert file.file_id in done.json["again"]
    assert world.asking("operator").post(f"{V1}/files/retry", {**body, "odd": 1}).status == 422


def test_long_work_is_accepted_and_can_be_followed(world: WebWorld) -> None:
    ask = world.asking("steward")
    asked = ask.post(f"{V1}/feeds/other/replay", {"since": "2026-01-01T00:00:00+01:00"})
    assert (asked.status, asked.json["state"]) == (202, "waiting")
    followed = ask.get(asked.headers["location"])
    assert followed.json["request"]["since"] == "2025-12-31T23:00:00+00:00"
    assert world.asking("viewer", "sales").get(asked.headers["location"]).status == 404


def test_what_strangers_write_breaks_no_answer(world: WebWorld) -> None:
    odd = "\udcff\x00\u202e<b>\n"
    item = Item(
        key=odd, version="1", name=odd, sent_at=datetime(2026, 11, 3, tzinfo=UTC), sender=odd,
        detail={"subject": odd},
    )  # fmt: skip
    ledger = world.service.runtime.ledger
    [file_id] = ledger.files.register("other", "drop", Page(items=(item,)))
    ledger.unmatched.note("drop", [group_of(odd)])
    ask = world.asking("admin")
    for path in ("files?limit=200", f"files/{file_id}", "unmatched"):
        assert ask.get(f"{V1}/{path}").status == 200, path
    for text in ("%00", "%ff", "%e2%80%ae", "%f4%8f%bf%bf", "%ed%b3%bf"):
        for name in ("starts", "sender", "status"):
            assert ask.get(f"{V1}/files?{name}=%25{text}").status in (200, 409, 422), (name, text)
        assert ask.get(f"{V1}/files?feed=other&contains={text}").status in (200, 422)
    done = ask.post(f"{V1}/feeds/other/stop", {"reason": odd})
    assert done.status in (200, 422)
    ask.post(f"{V1}/feeds/other/resume")
    assert ask.get(f"{V1}/acts?limit=200").status == 200
    assert ask.get(f"{V1}/acts?on=%00").status == 200


def group_of(name: str) -> Unmatched:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    item = UnmatchedItem(key=name, name=name, sent_at=at)
    return Unmatched(
        group_id="0a0b0c0d", source="drop", why=Why.NAME, shape=name, sender=name, feed=None,
        is_likely=True, count=1, items=(item,), first_seen=at, last_seen=at,
    )  # fmt: skip


def test_a_feed_tells_of_its_days_and_its_contract(world: WebWorld) -> None:
    world.done(world.put("counted.csv", GOOD.replace("A,", "K,")))
    ask = world.asking("viewer")
    days = ask.get(f"{V1}/feeds/sales/daily-counts?days=3").json["items"]
    assert len(days) == 3
    assert days[-1]["accepted"] + days[-1]["partly"] > 0
    words = ask.get(f"{V1}/feeds/sales/contract").json
    assert "id is there" in words["checks"]
    assert ask.get(f"{V1}/feeds/sales/contract.odcs.yaml").body.decode().startswith("\napiVersion")
    runtime, folder = world.service.runtime, world.service.folder / "contracts"
    revisions = f"{V1}/feeds/sales/contract/revisions"
    assert ask.get(revisions).json == {"items": []}
    push(runtime, folder, ["sales"], reason="as agreed")
    text = (folder / "sales.odcs.yaml").read_text() + "# ours\n"
    add_revision(runtime, "sales", text, 1, "by somebody else")
    assert ask.get(f"{V1}/feeds/sales/contract.odcs.yaml").body.decode() == text
    found = ask.get(revisions).json["items"]
    assert [(each["revision"], each["reason"]) for each in found] == [
        (2, "by somebody else"), (1, "as agreed"),
    ]  # fmt: skip
    assert ask.get(f"{revisions}/2").json["changes"].endswith("+# ours")
    assert ask.get(f"{revisions}/3").status == 404
    assert ask.get(f"{V1}/feeds/sales").json["freshness"]["late"] is None


def test_whoever_trusts_an_address_learns_what_proof_is_asked_for(world: WebWorld) -> None:
    feed = world.service.folder / "feeds" / "partners.py"
    feed.write_text(PARTNERS)
    ask, body = world.asking("steward"), {"address": "bo@birch.example"}
    trusted = ask.post(f"{V1}/feeds/partners/trusted-senders", body)
    assert (trusted.status, trusted.json["require"]) == (200, [])
    [listed] = ask.get(f"{V1}/trusted-senders?feed=partners").json["items"]
    assert listed == trusted.json
    everybody = ask.post(f"{V1}/feeds/sales/trusted-senders", body)
    assert everybody.status == 409
    assert "takes files from everybody" in str(everybody.json)
    feed.unlink()


def test_every_error_is_a_problem_that_says_what_to_do(world: WebWorld) -> None:
    ask = world.asking("viewer")
    for method, path, status in (
        ("GET", "/api/nothing", 404), ("GET", f"{V1}/files/nothing", 422),
        ("PATCH", f"{V1}/files", 405), ("GET", f"{V1}/files?limit=0", 422),
    ):  # fmt: skip
        found = ask(method, path)
        assert (found.status, found.headers["content-type"]) == (status, "application/problem+json")
        assert found.json["hint"]
    large = world.asking("operator").post(f"{V1}/files/retry", {"feed": "x" * 2_000_000})
    assert large.status == 413


def test_nobody_is_let_in_without_a_key(world: WebWorld) -> None:
    for token in (None, "", "wb_000000000000_" + "x" * 43, "\u00fc".encode().decode("latin-1")):
        found = Asking(world.url, token).get(f"{V1}/me")
        assert (found.status, found.headers["www-authenticate"]) == (401, 'Bearer realm="waybill"')
    assert Asking(world.url).get("/livez").json == {"status": "ok"}
    assert Asking(world.url).get("/readyz").json == {"status": "ok"}


def test_a_key_and_an_address_are_bounded(tmp_path: Path, redis_url: str) -> None:
    web = {"requests_a_minute": 3, "failures_a_minute": 2}
    # Failures are counted by address, and all tests have the same.
    with web_world(tmp_path, redis_url.removesuffix("/0") + "/5", web=web) as own:
        ask = own.asking("viewer")
        found = [ask.get(f"{V1}/me") for _ in range(8)]
        assert [each.status for each in found[:1]] == [200]
        assert found[-1].status == 429
        assert 0 < int(found[-1].headers["retry-after"]) <= 60
        wrong = [Asking(own.url, "wb_x").get(f"{V1}/me").status for _ in range(6)]
        assert (wrong[0] in (401, 429), wrong[-1]) == (True, 429)


def test_the_document_has_examples_and_no_other_errors(world: WebWorld) -> None:
    document = world.asking("viewer").get(f"{V1}/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in json.dumps(document)
    assert '"examples"' in json.dumps(document["components"]["schemas"]["FileModel"])
