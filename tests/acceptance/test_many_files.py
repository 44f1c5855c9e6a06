"""Many small files through a real worker and beat, with only the rights that the docs ask for."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from pydantic import SecretStr

from entrypoints.cli.setup import _check_broker
from entrypoints.config.settings import Broker
from entrypoints.web.console.cache import SharedCache
from pipelines.operations.verify import verify
from schemas.errors import AccessDeniedError
from service_process import process
from small_service import csv, small_service

ROOT = Path(__file__).resolve().parents[2]


def _least_user(redis_url: str) -> str:
    """The broker's address for the Redis user that docs/security.md describes."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    found = re.search(r"^ACL SETUSER (.*?)\n```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", *found[1].split())
    return f"redis://waybill:PASSWORD@127.0.0.1:{urlsplit(redis_url).port}/0"


def test_two_hundred_files_make_a_few_load_jobs(
    tmp_path: Path, bigquery_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAST", _least_user(redis_url))
    service = small_service(
        tmp_path,
        bigquery_url,
        broker={"url": "${LEAST}"},
        limits={"batch_seconds": 2, "recover_seconds": 5},
    )
    for number in range(200):
        service.drop(f"{number:03}.csv", csv(f"k{number}"))
    with process(service.config, "worker"), process(service.config, "beat"):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            counts = Counter(
                str(file.status) for file in service.runtime.ledger.files.latest(limit=1000)
            )
            if counts["done"] == 200:
                break
            time.sleep(0.5)
    assert counts == {"done": 200}, (tmp_path / "worker.log").read_text()[-2000:]
    assert service.sql("SELECT COUNT(*) FROM DATA.sales WHERE day > '2000-01-01'") == [(200,)]
    jobs = len(service.load_jobs())
    batches = len({file.batch_id for file in service.runtime.ledger.files.latest(limit=1000)})
    assert jobs == batches
    assert batches <= 20, batches
    assert list(verify(service.runtime, "sales")) == []
    assert "NOPERM" not in (tmp_path / "worker.log").read_text()


def test_that_user_lets_web_processes_count_logins_together(redis_url: str) -> None:
    cache = SharedCache(_least_user(redis_url), {"KEY_PREFIX": "waybill:console"})
    cache.set("tries", 1)
    assert cache.incr("tries") == 2
    with redis.Redis.from_url(redis_url) as admin:
        assert admin.keys("waybill:console:*")


def test_doctor_says_which_queues_a_user_may_not_reach(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command(
            "ACL", "SETUSER", "narrow", "on", ">PASSWORD", "resetkeys", "allchannels", "~discover*",
            "+@all",
        )  # fmt: skip
    url = f"redis://narrow:PASSWORD@127.0.0.1:{urlsplit(redis_url).port}/0"
    with pytest.raises(AccessDeniedError, match="does not let this user at its queues"):
        _check_broker(Broker(url=SecretStr(url)))
    assert _check_broker(Broker(url=SecretStr(redis_url)))
