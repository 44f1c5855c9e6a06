"""Checks over a real socket: what a file would become, shown by role, and sent without its bytes
coming again."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelines.operations.cleaned_uploads import abandoned
from pipelines.operations.long_work import do_operation
from schemas import storage_keys
from web_server import Asking
from web_world import GOOD, IBAN, LONG, PARTLY, WebWorld, web_world

V1 = "/api/v1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("checks"), redis_url) as made:
        yield made


def posted(ask: Asking, path: str, body: str) -> Any:
    request = urllib.request.Request(
        f"{ask.url}{V1}{path}", body.encode(), {"Authorization": f"Bearer {ask.token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as found:
        assert found.status == 202
        return json.load(found)


def checked(world: WebWorld, ask: Asking, path: str, body: str) -> Any:
    operation = posted(ask, path, body)
    do_operation(world.service.runtime, operation["operation_id"])
    done = ask.get(f"{V1}/operations/{operation['operation_id']}").json
    assert done["state"] == "done", done
    return done


def test_a_check_shows_what_the_role_may_see_and_is_sent_once(world: WebWorld) -> None:
    ask = world.asking("operator")
    done = checked(world, ask, "/feeds/sales/checks?name=p.csv", PARTLY)
    found = done["result"]["check"]
    assert (found["outcome"], found["counts"]["read"], found["counts"]["rejected"]) == (
        "quarantined", 4, 3,
    )  # fmt: skip
    assert found["accounted"]["lines"] == 5
    first = {each["column"]: each for each in found["first"][0]["cells"]}
    assert (first["amount"]["raw"], first["iban"]["raw"]) == ("1", "•••")
    by_column = {each["column"]: each["examples"][0] for each in found["rejects"]}
    assert "many" in by_column["amount"]["message"]
    path = f"{V1}/operations/{done['operation_id']}"
    for role, sees in (("viewer", False), ("operator", False), ("steward", True)):
        text = world.asking(role).get(path).body.decode()
        assert (IBAN in text, LONG in text) == (sees, sees), role
    assert world.asking("operator", "other").get(path).status == 404
    # Nothing is loaded by it, and then it is sent without its bytes.
    assert not world.service.ledger.files.find("p.csv")
    send = f"{V1}/checks/{done['operation_id']}/send"
    assert world.asking("operator", "other").post(send, {}).status == 404
    assert ask.post(send, {"feed": "other"}).status == 409
    sent = [ask.post(send, {}) for _ in range(2)]
    assert [each.status for each in sent] == [201, 201], sent[0].body
    assert sent[0].json == sent[1].json
    [file] = world.service.ledger.files.find("p.csv")
    assert (file.feed, file.file_id) == ("sales", sent[0].json["file_id"])
    with world.service.runtime.sources["uploads"].open(file.item) as stream:
        assert stream.read().decode() == PARTLY


def test_of_no_feed_a_check_says_which_it_fits_among_those_of_the_key(world: WebWorld) -> None:
    ask = world.asking("operator", "sales")
    done = checked(world, ask, "/checks?name=x.csv", GOOD)
    result = done["result"]
    assert [(each["feed"], each["sure"]) for each in result["fits"]] == [("sales", 1.0)]
    assert (result["feed"], result["check"]["outcome"]) == ("sales", "accepted")
    assert IBAN not in json.dumps(done)
    path = f"{V1}/operations/{done['operation_id']}"
    assert world.asking("steward", "sales").get(path).status == 404, "another key's, of no feed"
    send = f"{V1}/checks/{done['operation_id']}/send"
    assert ask.post(send, {}).status == 409
    assert ask.post(send, {"feed": "other"}).status == 404
    assert ask.post(send, {"feed": "sales"}).status == 201
    nothing = checked(world, ask, "/checks?name=y.csv", "a,b\n1,2\n")["result"]
    assert (nothing["feed"], nothing["check"], nothing["fits"][0]["sure"]) == (None, None, 0.0)


def test_what_is_checked_and_not_sent_goes_after_a_day(world: WebWorld) -> None:
    ask, service = world.asking("operator"), world.service
    done = checked(world, ask, "/feeds/sales/checks?name=late.csv", GOOD)
    key = storage_keys.uploaded(done["request"]["upload_id"])
    assert service.runtime.storage.exists(key)
    assert abandoned(service.runtime, dry_run=False).count == 0
    later = service.runtime.now() + timedelta(days=1, minutes=1)
    assert abandoned(replace(service.runtime, now=lambda: later), dry_run=False).count >= 1
    assert not service.runtime.storage.exists(key)
    told = ask.get(f"{V1}/operations/{done['operation_id']}").json
    assert (told["state"], told["result"]) == ("done", None)
    again = ask.post(f"{V1}/checks/{done['operation_id']}/send", {})
    assert (again.status, again.json["hint"]) == (409, "send the file itself")
