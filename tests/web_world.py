"""A service with files in every state, without a warehouse, and keys of every role."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bare_service import BareService, bare_service
from pipelines.operations.keys import create_key
from schemas.alert import AlertKind, Trouble
from schemas.batch import Committed
from schemas.contract import Type
from schemas.drift import ContractChange, DriftKind, Finding, drift_id_of
from schemas.file import Event, File, Status
from schemas.key import Role
from taking_in import taken_in
from web_server import Asking, web_server

IBAN = "DE44500105175407324931"
LONG = "DE44500105175407324931-and-more"
TABLE = "demo.waybill.sales"
GOOD = f"id,day,amount,iban\nA,2026-11-03,1,{IBAN}\n"
PARTLY = GOOD + f"B,2026-11-03,many,{IBAN}\nC,2026-11-03,3,{LONG}\nD,2026-11-03,4,{IBAN},extra\n"
BAD = f"id,day,amount,iban\nA,never,1,{LONG}\nB,never,2,{IBAN}\n"


@dataclass
class WebWorld:
    """The service, its address, and what it was given."""

    service: BareService
    url: str
    tokens: dict[str, str]

    def asking(self, role: str = "admin", feeds: str = "*") -> Asking:
        """A program with a key of that role, for those feeds."""
        name = f"{role} of {feeds}"
        if name not in self.tokens:
            made = create_key(self.service.runtime, name, Role(role), [feeds])
            self.tokens[name] = made.token
        return Asking(self.url, self.tokens[name])

    def put(self, name: str, text: str | bytes, feed: str = "sales") -> File:
        """A file that is dropped and prepared."""
        runtime = self.service.runtime
        path = self.service.folder / "drop" / feed / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        past = time.time() - 60
        os.utime(path, (past, past))
        taken_in(runtime, feed)
        [found] = [each for each in runtime.ledger.files.find(name) if each.feed == feed]
        return found

    def done(self, file: File) -> File:
        """The file as it is once it is loaded and its sender was told."""
        ledger = self.service.runtime.ledger
        batch = ledger.batches.open(file.feed, TABLE, 1000, 1 << 40)
        assert batch is not None
        ledger.batches.commit(batch, Committed(rows=1), [])
        for each in batch.files:
            held = ledger.leases.claim(each.file_id, Status.LOADED, "test", 60)
            assert held is not None
            event = Event(
                file_id=each.file_id, at=self.service.runtime.now(),
                step="acknowledge", outcome="told",
            )  # fmt: skip
            ledger.leases.advance(replace(held, status=Status.DONE), event)
        return ledger.files.get(file.file_id)

    def alert(self, feed: str | None = "sales") -> str:
        """An alert that is open."""
        trouble = Trouble(kind=AlertKind.LATE, subject=feed or "mail", says="it is late", feed=feed)
        self.service.runtime.ledger.alerts.note([trouble], [])
        return next(
            each.alert_id
            for each in self.service.runtime.ledger.alerts.latest()
            if each.trouble.feed == feed
        )

    def drift(self, file: File) -> str:
        """A drift that a file has shown, and that it waits for."""
        finding = Finding(
            kind=DriftKind.NEW, column="colour", cell="Colour", held=True,
            template='the contract does not know the column "{cell}"', values={"cell": "Colour"},
            change=ContractChange(column="colour", type=Type.STRING, headers=("Colour",)),
        )  # fmt: skip
        self.service.runtime.ledger.drifts.note(file, [finding])
        return drift_id_of(file.feed, finding)


@contextmanager
def web_world(
    folder: Path, redis_url: str, ledger_url: str | None = None, **sections: Any
) -> Iterator[WebWorld]:
    sections.setdefault("web", {"requests_a_minute": 100_000, "failures_a_minute": 100_000})
    service = bare_service(
        folder, "sales", "other", ledger_url=ledger_url, broker={"url": redis_url}, **sections
    )
    with web_server(service.config) as url:
        yield WebWorld(service, url, {})
