"""What the serverless door passes over is what the sources pass over."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from connectors.globs import is_litter
from connectors.s3.event_messages import Told, objects_in

DOOR = Path(__file__).resolve().parents[3] / "deploy" / "door" / "chalicelib" / "passing.py"


@pytest.fixture(scope="module")
def passing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("passing", DOOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "key",
    ["a.csv", "in/._a.csv", "in/~$b.xlsx", "x.csv.tmp", "THUMBS.DB", "__MACOSX/a.csv", "a/b~",
     ".DS_Store", "in/x.csv.crc", "part-0.csv", ".~lock.a#", "desktop.ini.csv"],
)  # fmt: skip
def test_the_same_is_litter(passing: ModuleType, key: str) -> None:
    told = passing.hint_of({"bucket": {"name": "b"}, "object": {"key": key, "size": 1}})
    assert (told is None) == is_litter(key)


def test_its_words_are_understood(passing: ModuleType) -> None:
    found = {"bucket": {"name": "b"}, "object": {"key": "a+b c.csv", "version-id": "v", "size": 1}}
    assert objects_in(passing.hint_of(found)) == [Told("b", "a+b c.csv", "v")]
    assert passing.hint_of(found, ("done/", "a+")) is None
    assert json.loads(passing.hint_of(found, ("",)))["source"] == "waybill.door"
