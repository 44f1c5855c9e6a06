"""The strict front and an emulator that was killed while it ran a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strict_bigquery.front import Front
from strict_bigquery.jobs import Job
from strict_bigquery.refusal import Refusal

STATES = {"cut": "RUNNING", "well": "DONE"}


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Front:
    """A front before an emulator that says for ever that a job runs."""
    made = Front("http://127.0.0.1:1")

    def get(path: str) -> dict[str, Any] | None:
        state = STATES.get(path.rpartition("/")[2])
        return {"status": {"state": state}} if state else None

    monkeypatch.setattr(made._upstream, "get", get)
    return made


def change(front: Front, job_id: str, table: str) -> None:
    front.jobs.add(Job(job_id, "", {}, mutated=(table,)), front._ended("demo"))


def test_what_an_emulator_ran_when_it_was_killed_has_failed_and_stands_in_nobodys_way(
    front: Front,
) -> None:
    for name, table in (("cut", "orders"), ("well", "stock"), ("unknown", "payouts")):
        change(front, name, table)
    with pytest.raises(Refusal, match="concurrent update"):
        change(front, "next", "orders")
    assert front.crashed("demo", "US") == 1
    change(front, "next", "orders")
    path = "/bigquery/v2/projects/demo/jobs/cut"
    said = json.loads(front.answer("GET", path, {}, b"", "").body)
    assert said["status"]["state"] == "DONE"
    assert said["status"]["errorResult"]["reason"] == "jobInternalError"
    assert not [each for each in front.jobs.records() if each["error"] and each["job_id"] != "cut"]
