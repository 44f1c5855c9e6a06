"""The proof in short on SQLite, in a file of its own so that both halves run side by side."""

from __future__ import annotations

import pytest

from chaos.short import play_some


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    play_some(
        "sqlite",
        ["bundle.staged (worker)", "load.committed (worker)", "kill -9 redis, its data lost"],
    )
