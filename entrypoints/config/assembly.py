"""Assembly: the one place where settings become connectors and connectors become a runtime."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from connectors.private import keep_private, private_folder
from connectors.protocols import Source
from connectors.registry import connector_class
from entrypoints.config.contracts import Contracts
from entrypoints.config.feeds import read_feeds
from entrypoints.config.settings import Part, Settings
from pipelines.monitor.alerts import raise_alert
from pipelines.runtime import Runtime


def build_runtime(settings: Settings) -> Runtime:
    """The runtime of these settings. Nothing is connected to yet.

    Raises ConfigError or ContractError for feeds, contracts and settings that do not fit.
    """
    # Libraries make files too, and know no modes.
    keep_private()
    contracts = Contracts(settings.folders.contracts)
    private_folder(settings.folders.work)
    storage = _connector(settings.storage)
    notifier = _connector(settings.mail) if settings.mail is not None else None
    ledger = _connector(settings.ledger)
    return Runtime(
        feeds=read_feeds(settings.folders.feeds, contracts, settings.sources),
        contracts=contracts,
        views=contracts.views,
        sources=_Sources(settings.sources),
        storage=storage,
        ledger=ledger,
        warehouse=_connector(settings.warehouse, storage, ledger.costs.note),
        notifier=notifier,
        limits=settings.limits,
        quotas=settings.quotas,
        retention=settings.retention,
        owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        work_folder=Path(settings.folders.work),
        now=lambda: datetime.now(UTC),
        alert=raise_alert,
        destinations={
            # Mail goes out by the one notifier that there is.
            name: _connector(part, *([notifier] if part.type == "mail" else []))
            for name, part in settings.alerts.to.items()
        },
        alert_rules=settings.alerts,
        templates=settings.folders.templates,
    )


def _connector(part: Part, *others: object) -> Any:
    return connector_class(part.kind, part.type)(part.config, *others)


class _Sources(Mapping[str, Source]):
    """Sources by name, each made when it is first used."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._made = lru_cache(maxsize=None)(lambda name: _connector(parts[name]))

    def __getitem__(self, name: str) -> Source:
        if name not in self._parts:
            raise KeyError(name)
        source: Source = self._made(name)
        return source

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
