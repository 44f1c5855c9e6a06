"""The runtime: every part that the stages need, put together once by the entrypoints."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from connectors.protocols import (
    Commands,
    Destination,
    Ledger,
    Notifier,
    Source,
    Storage,
    Warehouse,
    WebhookClient,
)
from pipelines.feed import Feed
from schemas.act import SERVICE, Actor
from schemas.alert import Trouble
from schemas.batch import WriteMode
from schemas.broken_file import BrokenFile
from schemas.contract import Contract, View
from schemas.limits import AlertRules, Limits, Quotas, Retention
from schemas.receipt_link import LinkKeys


def _nothing() -> None:
    """Contracts that nobody changes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """The parts behind their protocols. `owner` names this process in leases; `work_folder` holds
    temporary files; `now` is the clock (aware UTC); `destinations` are those of alerts, by name;
    `templates` a folder of the user's own receipt templates; `ask` asks other workers for help at
    once, where there may be any; `pause` lets so many seconds pass; `alert` tells the people on
    duty of a problem at once (`pipelines.monitor.alerts`, which no stage needs to know); `actor` is
    in whose name operations act; `links` signs links to receipts, where there are any; `webhooks`
    posts receipts to addresses that an admin sets; `commands` runs those that feeds name; `refresh`
    asks the ledger at once for contracts that have changed (`contracts` may be a second old);
    `broken` looks for files of contracts and feeds that cannot be read as they are now."""

    feeds: Mapping[str, Feed]
    contracts: Mapping[str, Contract]
    views: Sequence[View]
    sources: Mapping[str, Source]
    storage: Storage
    ledger: Ledger
    warehouse: Warehouse
    notifier: Notifier | None
    limits: Limits
    owner: str
    work_folder: Path
    now: Callable[[], datetime]
    alert: Callable[[Runtime, Trouble], None]
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    alert_rules: AlertRules = field(default_factory=AlertRules)
    templates: Path | None = None
    quotas: Quotas = field(default_factory=Quotas)
    retention: Retention = field(default_factory=Retention)
    ask: Callable[[Iterable[Work]], None] | None = None
    pause: Callable[[float], None] = time.sleep
    actor: Actor = SERVICE
    links: LinkKeys | None = None
    webhooks: WebhookSender | None = None
    commands: Commands | None = None
    refresh: Callable[[], None] = _nothing
    broken: Callable[[], Sequence[BrokenFile]] = tuple

    def new_lease(self) -> str:
        """The token of a claim of this process: what is staged under it is never taken for another
        claim's."""
        return f"{self.owner}/{uuid.uuid4().hex[:12]}"

    def tables(self) -> list[Contract]:
        """The contracts as tables of the warehouse."""
        return [self.as_table(contract) for contract in self.contracts.values()]

    def as_table(self, contract: Contract) -> Contract:
        """The contract as a table of the warehouse. Only where every feed merges by the key is it
        declared: BigQuery believes it, and answers wrongly where keys repeat."""
        modes = {feed.mode for feed in self.feeds.values() if feed.contract == contract.name}
        return replace(contract, declares_key=modes == {WriteMode.MERGE})

    def raise_alert(self, trouble: Trouble) -> None:
        """Tell the people on duty of one problem now, once while it lasts."""
        self.alert(self, trouble)

    def contract_of(self, feed: Feed) -> Contract:
        """The feed's contract."""
        return self.contracts[feed.contract]


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """How receipts are posted to webhooks, and the secret from which theirs are derived."""

    client: WebhookClient
    secret: bytes = field(repr=False)


class Work(NamedTuple):
    """Something to do next: a step (`prepare`, `load`, `acknowledge`, `digest`) and its file id or
    feed."""

    step: str
    target: str
