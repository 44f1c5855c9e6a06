"""Long work that a program asks for is done by a real worker, and what died is gone on with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipelines.operations.acts import list_acts
from pipelines.operations.keys import create_key
from pipelines.operations.long_work import do_operation, operation_of
from schemas.file import Status
from schemas.key import Role
from schemas.operation import OperationState
from service_process import process
from small_service import SmallService, csv, small_service
from web_server import Asking, web_server

V1 = "/api/v1"


@contextmanager
def asked(service: SmallService, redis_url: str) -> Iterator[Asking]:
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(service.config)
    settings["broker"] = {"url": redis_url.removesuffix("/0") + "/7"}
    settings["web"] = {"failures_a_minute": 10_000}
    yaml.dump(settings, service.config)
    token = create_key(service.runtime, "ops", Role.STEWARD, ["*"]).token
    with web_server(service.config) as url:
        yield Asking(url, token)


@pytest.mark.long
def test_an_unload_and_a_replay_are_done_by_a_worker(
    tmp_path: Path, bigquery_url: str, redis_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    service.drop("a.csv", csv("A", "B"))
    [file] = service.run()
    with asked(service, redis_url) as ask:
        found = ask.post(f"{V1}/files/{file.file_id}/unload")
        assert found.status == 202, found.body
        operation = found.headers["location"]
        with process(service.config, "worker", "-c", "1", "-Q", "operate"):
            done = wait(ask, operation)
            assert (done["state"], done["result"]["rows_removed"]) == ("done", 2), done
            assert service.sql("SELECT COUNT(*) FROM DATA.sales") == [(0,)]
            again = ask.post(f"{V1}/files/{file.file_id}/replay", {})
            done = wait(ask, again.headers["location"])
            assert done["result"] == {"files": 1, "statuses": {"done": 1}}, done
        assert service.sql("SELECT COUNT(*) FROM DATA.sales") == [(2,)]
        assert ask.post(f"{V1}/files/{file.file_id}/unload").status == 202
    acts = [(each.action, each.phase, each.actor.via) for each in list_acts(service.runtime)]
    assert acts[1:4] == [
        ("replay", "ended", "api"), ("replay", "begun", "api"), ("request_replay", "done", "api"),
    ]  # fmt: skip


def test_another_worker_goes_on_where_one_died(
    tmp_path: Path, bigquery_url: str, redis_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    service.drop("a.csv", csv("A", "B"))
    [file] = service.run()
    with asked(service, redis_url) as ask:
        ids = [
            ask.post(f"{V1}/{path}", {}).json["operation_id"]
            for path in ("feeds/sales/backfill", "feeds/sales/replay")
        ]
        ids += [
            ask.post(f"{V1}/files/{file.file_id}/unload").json["operation_id"],
        ]
    ledger = service.runtime.ledger
    for each in ids:
        assert ledger.operations.claim(each, "dead", 0.01) is not None
    time.sleep(0.05)
    assert list(ledger.operations.due()) == ids
    for each in ids:
        do_operation(replace(service.runtime, owner="alive"), each)
        do_operation(service.runtime, each)
        assert operation_of(service.runtime, each).state is OperationState.DONE
    assert ledger.files.get(file.file_id).status is Status.UNLOADED
    assert service.sql("SELECT COUNT(*) FROM DATA.sales") == [(0,)]


def wait(ask: Asking, operation: str) -> dict[str, Any]:
    """The operation once it has ended."""
    until = time.monotonic() + 90
    while True:
        found = ask.get(operation).json
        if found["state"] in ("done", "failed"):
            return found  # type: ignore[no-any-return]
        assert time.monotonic() < until, found
        time.sleep(0.2)
