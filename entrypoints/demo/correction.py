"""The demo's correction: a file is sent with curl, and its one bad row is corrected by the API."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from entrypoints.demo.setting import samples
from schemas.errors import RetryableError

FEED, NAME = "orders", "late_orders.csv"
_ROWS, _PATIENCE = 20, 600.0


@dataclass(frozen=True, slots=True)
class Corrected:
    """The command by which the file was sent, the request that corrected its row, and its receipt
    before and after."""

    sent_by: str
    corrected_by: str
    before: dict[str, Any]
    after: dict[str, Any]


def late_orders() -> str:
    """Orders of the samples as new ones, one of them with a quantity that is no number."""
    path = samples() / "drop/orders/2026/11/shop_2026-11-03.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), _ROWS))
    for number, row in enumerate(rows):
        row["order_id"] = f"SO-9{number:05d}"
    rows[1]["quantity"] = "two"
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def send_and_correct(url: str, token: str, check: Callable[[], None]) -> Corrected | None:
    """Send the file, correct its row and submit it; None where there is no curl. `check` raises an
    error when what does the work lives no more. Raises RetryableError when the service does not do
    its part in ten minutes: a busy machine needs several."""
    curl = shutil.which("curl")
    if curl is None:
        return None
    text = late_orders()
    upload = f"{url}/api/v1/feeds/{FEED}/uploads/{NAME}"
    command = [curl, "--fail-with-body", "-sS", "-T", "-", upload]
    done = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {token}"],
        input=text.encode(), capture_output=True, check=False, timeout=_PATIENCE,
    )  # fmt: skip
    if done.returncode != 0:
        raise RetryableError(f"curl could not send {NAME}: {(done.stdout + done.stderr).decode()}")
    api = _Api(f"{url}/api/v1", token)
    file_id = json.loads(done.stdout)["file_id"]
    file = f"/files/{file_id}"
    named = f"{NAME} (file {file_id[:8]} of {FEED})"

    def until(holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            check()
            if time.monotonic() > deadline:
                status = api.ask("GET", file)["status"]
                raise RetryableError(
                    f"it takes longer than {_PATIENCE / 60:.0f} minutes until {what};"
                    f" the file is {status}"
                )
            time.sleep(0.25)

    until(lambda: api.ask("GET", file)["status"] == "done", f"{named} is loaded")
    before = api.ask("GET", f"{file}/receipt")
    [row] = api.ask("GET", f"{file}/draft")["items"]
    change = {"line": row["line"], "column": "quantity", "value": "2", "revision": 0}
    draft = api.ask("PATCH", f"{file}/draft", {"cells": [change]})
    api.ask("POST", f"{file}/draft/submit", {"revision": draft["revision"]})
    until(
        lambda: api.ask("GET", f"{file}/receipt")["rows_corrected"] > 0,
        f"the corrected row {row['line']} of {named} is loaded",
    )
    return Corrected(
        sent_by=f'curl -T {NAME} {upload} -H "Authorization: Bearer $KEY"',
        corrected_by=f"PATCH {file}/draft {json.dumps({'cells': [change]})}",
        before=before,
        after=api.ask("GET", f"{file}/receipt"),
    )


@dataclass(frozen=True, slots=True)
class _Api:
    url: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 -- ours
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
