"""Drafts over the API: conflicts, masked columns, the check of a worker, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.operations.acts import list_acts
from pipelines.operations.long_work import do_operation
from schemas.file import File
from web_server import Answer, Asking
from web_world import IBAN, LONG, PARTLY, WebWorld, web_world

V1 = "/api/v1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[WebWorld]:
    folder: Path = tmp_path_factory.mktemp("web")
    with web_world(folder, redis_url) as made:
        yield made


def partly(world: WebWorld, name: str) -> File:
    good = "".join(f"{name}{n},2026-11-03,5,{IBAN}\n" for n in range(3))
    return world.done(world.put(name, PARTLY + good))


def patch(
    ask: Asking, file: File, line: int, column: str, value: str | None, seen: int = 0
) -> Answer:
    cell = {"line": line, "column": column, "value": value, "revision": seen}
    return ask("PATCH", f"{V1}/files/{file.file_id}/draft", {"cells": [cell]})


def test_two_people_on_one_file_see_each_others_changes(world: WebWorld) -> None:
    file = partly(world, "two.csv")
    ana, ben = world.asking("operator"), world.asking("steward")
    draft = f"{V1}/files/{file.file_id}/draft"
    assert patch(ana, file, 3, "amount", "2").json["revision"] == 1
    again = patch(ben, file, 3, "amount", "3")
    assert (again.status, again.headers["content-type"]) == (409, "application/problem+json")
    [conflict] = again.json["conflicts"]
    assert (conflict["line"], conflict["column"]) == (3, "amount")
    now = conflict["now"]
    assert (now["value"], now["revision"]) == ("2", 1)
    assert now["who"].startswith("operator of *")
    assert patch(ben, file, 3, "amount", "3", seen=1).json["revision"] == 2
    shown = ana.get(draft).json
    assert [each["drafted"][0]["value"] for each in shown["items"] if each["drafted"]] == ["3"]
    assert (shown["left"], shown["drafted"], shown["revision"]) == (3, 1, 2)
    equal = {"column": "day", "old": "2026-11-03", "new": "2026-11-04"}
    assert ben.post(f"{draft}/equal", equal).json == {
        "draft_id": shown["draft_id"], "revision": 3, "cells": 3,
    }  # fmt: skip
    assert ana("DELETE", f"{draft}?revision=2").status == 409
    assert ana("DELETE", f"{draft}?revision=3").status == 204
    assert ana.get(draft).json["draft_id"] is None
    [act] = list_acts(world.service.runtime, subject=file.file_id, limit=1)
    assert (act.action, act.before and act.before["rows"]) == ("discard_draft", 3)


def test_what_changes_nothing_or_is_said_twice_leaves_no_draft(world: WebWorld) -> None:
    file = partly(world, "nothing.csv")
    ask, path = world.asking("operator"), f"{V1}/files/{file.file_id}"
    cell = {"line": 3, "column": "amount"}
    twice = [{**cell, "value": "2"}, {**cell, "value": "3"}]
    refused = ask("PATCH", f"{path}/draft", {"cells": twice})
    assert (refused.status, "line 3, amount" in refused.json["detail"]) == (422, True)
    nothing = patch(ask, file, 3, "amount", None)
    assert (nothing.status, nothing.json["draft_id"], nothing.json["revision"]) == (200, None, 0)
    assert ask.get(f"{path}/draft").json["draft_id"] is None


def test_who_may_not_see_a_value_may_not_write_over_it(world: WebWorld) -> None:
    file = partly(world, "hidden.csv")
    draft = f"{V1}/files/{file.file_id}/draft"
    operator, steward = world.asking("operator"), world.asking("steward")
    secret = "SECRET-IBAN-OF-SOMEBODY-ELSE"
    assert patch(steward, file, 4, "iban", secret).status == 200
    for change in (
        patch(operator, file, 4, "iban", "x", seen=1),
        patch(operator, file, 5, "id", "x"),
    ):
        assert (change.status, "hidden" in change.json["detail"]) == (409, True)
    equal = {"column": "iban", "old": LONG, "new": "x"}
    assert operator.post(f"{draft}/equal", equal).status == 409
    operation = steward.post(f"{draft}/check", {}).json["operation_id"]
    do_operation(world.service.runtime, operation)
    told = steward.get(draft).json
    assert told["check"]["still_wrong"] == 1
    assert secret in told["check"]["lines"][0]["problems"][0]["message"]
    assert patch(operator, file, 3, "amount", "2").status == 200
    seen = operator.get(draft)
    assert seen.json["items"][1]["locked"] == ["iban"]
    assert seen.json["check"]["is_old"]
    operations = operator.get(f"{V1}/operations/{operation}")
    assert operations.json["result"]["still_wrong"] == 1
    for answer in (seen, operations):
        assert (secret.encode() in answer.body, LONG.encode() in answer.body) == (False, False)
    acts = list_acts(world.service.runtime)
    assert not any(secret in repr(each) for each in acts)


def test_a_check_says_what_would_load_and_loads_nothing(world: WebWorld) -> None:
    file = partly(world, "check.csv")
    draft = f"{V1}/files/{file.file_id}/draft"
    ask = world.asking("steward")
    patch(ask, file, 3, "amount", "2")
    patch(ask, file, 4, "iban", IBAN)
    answer = ask.post(f"{draft}/check", {"revision": 2})
    assert answer.status == 202
    do_operation(world.service.runtime, answer.json["operation_id"])
    check = ask.get(draft).json["check"]
    assert (check["would_load"], check["still_wrong"], check["is_old"]) == (2, 0, False)
    assert check["lines"][0]["values"]["amount"] == "2"
    assert any("not with rows that are loaded" in each for each in check["notes"])
    assert world.service.ledger.files.get(file.file_id).rows_corrected == 0
    assert ask.post(f"{draft}/submit", {"revision": 1}).status == 409
    sent = ask.post(f"{draft}/submit", {"revision": 2})
    assert (sent.status, ask.post(f"{draft}/submit", {}).status) == (202, 409)
    [act] = list_acts(world.service.runtime, subject=file.file_id, limit=1)
    assert (act.action, act.after and act.after["rows"]) == ("submit_draft", 2)
    assert ask.get(draft).json["submitted"][0]["role"] == "steward"


def test_what_cannot_be_drafted_is_refused_in_plain_words(world: WebWorld) -> None:
    file = partly(world, "refused.csv")
    ask = world.asking("steward")
    for line, column, value in (
        (2, "amount", "1"), (99, "amount", "1"), (3, "_line", "2"), (3, "none", "1"),
        (3, "amount", "a\u0000b"), (3, "amount", "\u001b[31m"), (3, "amount", "x" * 10_001),
    ):  # fmt: skip
        found = patch(ask, file, line, column, value)
        assert found.status == 422, (line, column, found.body)
        assert found.json["detail"]
    assert world.service.ledger.drafts.open_of(file.file_id) is None
    waiting = world.put("waits.csv", PARTLY + "F,2026-11-03,5,\n")
    refused = patch(ask, waiting, 3, "amount", "1")
    assert (refused.status, "not known yet" in refused.json["detail"]) == (409, True)
    # It goes with what it corrects.
    assert patch(ask, file, 3, "amount", "1").status == 200
    assert world.service.ledger.history.forget_rejects(file)
    assert world.service.ledger.drafts.open_of(file.file_id) is None
