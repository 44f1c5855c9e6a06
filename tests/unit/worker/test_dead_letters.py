"""Messages that are no tasks of ours."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import pytest

from entrypoints.worker.dead_letters import fault_of

GOOD: dict[str, Any] = {
    "body": base64.b64encode(json.dumps([["orders"], {}, {}]).encode()).decode(),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"id": "1", "task": "waybill.discover"},
    "properties": {
        "delivery_tag": "1",
        "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": "discover"},
    },
}


def changed(*path: str, to: object) -> dict[str, Any]:
    made = deepcopy(GOOD)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return made


def body(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_a_task_of_ours_is_none() -> None:
    assert fault_of(GOOD) is None
    assert fault_of(changed("body", to=body([[], {}, {}]))) is None


@pytest.mark.parametrize(
    "message",
    [
        None,
        1,
        "garbage",
        [],
        {},
        {"body": "x"},
        changed("properties", to=None),
        changed("properties", "delivery_tag", to=7),
        changed("properties", "delivery_info", to={}),
        changed("properties", "delivery_info", to=[]),
        changed("headers", to=None),
        changed("headers", "task", to="os.system"),
        changed("headers", "id", to=None),
        changed("content-type", to="application/x-python-serialize"),
        changed("content-encoding", to="binary"),
        changed("body", to="?"),
        changed("body", to=None),
        changed("body", to=body([["a"], {}])),
        changed("body", to=body([["a", "b"], {}, {}])),
        changed("body", to=body([[["a"]], {}, {}])),
        changed("body", to=body([["a"], {"x": 1}, {}])),
        changed("body", to="W1s=" * 5),
    ],
)
def test_anything_else_is_told(message: object) -> None:
    assert fault_of(message)
