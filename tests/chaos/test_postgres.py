"""The proof in short on PostgreSQL, with storage on S3."""

from __future__ import annotations

import pytest

from chaos.short import play_some


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    play_some("postgres", ["kill -9 bigquery", "kill -9 postgres"])
