"""Events twice, late, out of order, for what is gone, hostile or lost; whoever hears is killed."""

from __future__ import annotations

import pytest

from chaos.events_wing import play


@pytest.mark.parametrize("seed", [3])
def test_whatever_is_told_the_ledger_has_each_version_once(
    moto_url: str, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    play(moto_url, tmp_path_factory.mktemp("events"), seed)
