"""Drafting: a program that corrects a rejected row over the API, and tries until it is done."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from chaos.deeds import Cell, Deed
from chaos.proxy import HOST
from chaos.world import World
from pipelines.operations.keys import create_key
from schemas.errors import WaybillError
from schemas.file import File, Status
from schemas.key import Role

_SECONDS = 120.0


def correct(world: World, deed: Deed, cell: Cell) -> File:
    """Send a file, and once it is done correct a cell of its rejected row; the file. Raises
    AssertionError if that cannot be done in two minutes, whatever is killed meanwhile."""
    world.do(deed)
    world.start_web()
    file: File = _until(world, lambda: _done(world, deed))
    token = _until(world, lambda: create_key(world.runtime, "chaos", Role.OPERATOR, ["*"]).token)
    draft = f"http://{HOST}:{world.web_port}/api/v1/files/{file.file_id}/draft"
    body = {"cells": [{"line": cell.line, "column": cell.column, "value": cell.value}]}
    _until(world, lambda: _asked(token, "PATCH", draft, body))
    _until(world, lambda: _asked(token, "POST", f"{draft}/check", {}))
    _until(world, lambda: _submitted(token, draft))
    return file


def all_corrected(world: World, file: File) -> None:
    """Wait until the row is counted. Raises AssertionError if it is not in two minutes."""
    _until(world, lambda: world.runtime.ledger.files.get(file.file_id).rows_corrected == 1)


def _done(world: World, deed: Deed) -> File | None:
    found = world.runtime.ledger.files.find(deed.name)
    return next((each for each in found if each.status is Status.DONE), None)


def _submitted(token: str, draft: str) -> bool:
    """Whether it is submitted: by this request, or by one whose answer was lost."""
    try:
        _asked(token, "POST", f"{draft}/submit", {})
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
        return bool(_asked(token, "GET", draft)["submitted"])
    return True


def _asked(token: str, method: str, url: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as found:
        return json.loads(found.read())


def _until(world: World, attempt: Any) -> Any:
    """What the attempt answers once it answers something; what died is started again."""
    deadline = time.monotonic() + _SECONDS
    last: object = None
    while time.monotonic() < deadline:
        try:
            if last := attempt():
                return last
        except (OSError, WaybillError, KeyError) as error:
            last = error
        world.bring_back()
        world.start_web()
        time.sleep(0.3)
    raise AssertionError(f"it could not be corrected in {_SECONDS:.0f} s: {last}")
