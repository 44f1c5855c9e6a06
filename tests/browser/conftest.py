"""A real browser for the tests in this folder, which are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="there is no chromium here"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one test file: while it is open, nothing else in the process may run a loop."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _no_tries_counted(redis_url: str) -> None:
    """Every browser here has one address, and one `admin` signs in to many consoles: what they have
    tried before does not count."""
    with redis.Redis.from_url(redis_url) as there:
        for key in there.scan_iter("waybill:console:*"):
            there.delete(key)
