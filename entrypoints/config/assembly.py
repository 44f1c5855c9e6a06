"""Assembly: the one place where settings become connectors and connectors become a runtime."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import cast

from connectors.commands import LocalCommands
from connectors.https.addresses import AddressGuard
from connectors.https.client import HttpsClient
from connectors.private_files import keep_private, private_folder
from connectors.protocols import Destination, Ledger, Notifier, Source, Storage, Warehouse
from connectors.registry import connector_class, warehouse_capabilities
from connectors.uploads import UploadsSource
from entrypoints.config.contracts import AtHand, Contracts
from entrypoints.config.feeds import Feeds, NoContractError
from entrypoints.config.outgoing import Webhooks
from entrypoints.config.said_once import SaidOnce
from entrypoints.config.settings import Part, Settings
from entrypoints.config.warehouse_fit import check_contract, check_limits
from entrypoints.config.web import Web
from pipelines.monitor.alerts import raise_alert
from pipelines.runtime import Runtime, WebhookSender
from schemas.broken_file import BrokenFile
from schemas.errors import in_one
from schemas.odcs.reader import SUFFIX
from schemas.receipt_link import LinkKeys
from schemas.upload import UPLOADS


def build_runtime(
    settings: Settings,
    *,
    lazy_warehouse: bool = False,
    before: Runtime | None = None,
    is_lenient: bool = False,
) -> Runtime:
    """The runtime of these settings. Nothing is connected to, unless a feed names a contract that
    only the ledger has. With `lazy_warehouse` the warehouse's libraries, which are heavy, are
    imported when it is first asked.

    Raises ConfigError or ContractError for feeds, contracts and settings that do not fit. With
    `before`, the runtime that this one takes the place of, files of feeds and contracts that have
    become wrong meanwhile are only logged: what they said before stays. One that `is_lenient` is
    made without those that are wrong.
    """
    # Libraries make files too, and know no modes.
    keep_private()
    private_folder(settings.folders.work)
    storage = connector_class("storage", settings.storage.type)(settings.storage.config)
    notifier = _notifier(settings.mail) if settings.mail is not None else None
    ledger = connector_class("ledger", settings.ledger.type)(settings.ledger.config)
    contracts, feeds = _contracts_and_feeds(settings, ledger, before, is_lenient)

    def warehouse() -> Warehouse:
        made = connector_class("warehouse", settings.warehouse.type)
        return made(settings.warehouse.config, storage, ledger.costs.note)

    def later() -> Warehouse:
        return cast(Warehouse, _LaterWarehouse(settings.warehouse, warehouse))

    return Runtime(
        feeds=feeds,
        contracts=contracts,
        views=contracts.views,
        sources=_Sources(settings.sources, storage),
        storage=storage,
        ledger=ledger,
        warehouse=later() if lazy_warehouse else warehouse(),
        notifier=notifier,
        limits=settings.limits,
        quotas=settings.quotas,
        retention=settings.retention,
        owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        work_folder=Path(settings.folders.work),
        now=lambda: datetime.now(UTC),
        alert=raise_alert,
        destinations={
            name: _destination(part, notifier) for name, part in settings.alerts.to.items()
        },
        alert_rules=settings.alerts,
        templates=settings.folders.templates,
        refresh=contracts.look,
        broken=partial(_looked_for_broken, contracts, feeds),
        links=_links(settings.web),
        webhooks=_webhooks(settings.webhooks),
        commands=LocalCommands(),
    )


def _contracts_and_feeds(
    settings: Settings, ledger: Ledger, before: Runtime | None, is_lenient: bool
) -> tuple[Contracts, Feeds]:
    once = SaidOnce(settings.folders.work / "said")
    capabilities = warehouse_capabilities(settings.warehouse.type)
    check_limits(settings.limits, capabilities)
    old_contracts = before.contracts if before is not None else None
    old_feeds = before.feeds if before is not None else None
    contracts = Contracts(
        settings.folders.contracts,
        ledger.contracts,
        partial(check_contract, capabilities=capabilities),
        old_contracts if isinstance(old_contracts, Contracts) else None,
        is_lenient=True,
        once=once,
    )
    feeds = Feeds(
        settings.folders.feeds,
        AtHand(contracts),
        settings.sources,
        old_feeds if isinstance(old_feeds, Feeds) else None,
        is_lenient=True,
        once=once,
    )
    # A process that forks may have no connection open.
    ledger.close()
    if before is None and not is_lenient and (broken := _broken(contracts, feeds)):
        raise in_one([each.error for each in broken])
    return contracts, feeds


def broken_files(runtime: Runtime) -> list[BrokenFile]:
    """The files of contracts and feeds that could not be read when they were looked at last."""
    if not isinstance(runtime.contracts, Contracts) or not isinstance(runtime.feeds, Feeds):
        return []
    return _broken(runtime.contracts, runtime.feeds)


def _looked_for_broken(contracts: Contracts, feeds: Feeds) -> list[BrokenFile]:
    """The same, once both folders were looked at anew."""
    len(contracts)
    len(feeds)
    return _broken(contracts, feeds)


def _broken(contracts: Contracts, feeds: Feeds) -> list[BrokenFile]:
    # A feed whose contract is broken is mended with it.
    by_contract = {
        path
        for path, error in feeds.broken.items()
        if isinstance(error, NoContractError) and error.contract in contracts.broken
    }
    return [
        *(BrokenFile(f"{name}{SUFFIX}", error) for name, error in contracts.broken.items()),
        *(
            BrokenFile(path.name, error)
            for path, error in feeds.broken.items()
            if path not in by_contract
        ),
    ]


def _links(web: Web) -> LinkKeys | None:
    if web.url is None or not web.link_keys:
        return None
    keys = {name: key.secret.get_secret_value().encode() for name, key in web.link_keys.items()}
    return LinkKeys(url=web.url, keys=keys, days=web.link_days)


def _webhooks(webhooks: Webhooks) -> WebhookSender | None:
    if webhooks.secret is None:
        return None
    client = HttpsClient(AddressGuard(webhooks.allow_private), webhooks.ca_file)
    return WebhookSender(client, webhooks.secret.get_secret_value().encode())


def _source(part: Part) -> Source:
    return connector_class("source", part.type)(part.config)


def _notifier(part: Part) -> Notifier:
    return connector_class("notifier", part.type)(part.config)


def _destination(part: Part, notifier: Notifier | None) -> Destination:
    made = connector_class("destination", part.type)
    # Mail goes out by the one notifier that there is.
    return made(part.config, notifier) if part.type == "mail" else made(part.config)


class _LaterWarehouse:
    """A warehouse that is made when something of it is first needed. What it holds and how it names
    its tables is known without it: most pages of the console ask for no more."""

    def __init__(self, part: Part, make: Callable[[], Warehouse]) -> None:
        self.capabilities = warehouse_capabilities(part.type)
        self.table_id = part.config.table_id
        self._made = lru_cache(maxsize=1)(make)

    def __getattr__(self, name: str) -> object:
        return getattr(self._made(), name)


class _Sources(Mapping[str, Source]):
    """Sources by name, each made when it is first used, and that of uploads, which is always
    there."""

    def __init__(self, parts: Mapping[str, Part], storage: Storage) -> None:
        self._names = (*parts, UPLOADS)

        def made(name: str) -> Source:
            return UploadsSource(storage) if name == UPLOADS else _source(parts[name])

        self._made = lru_cache(maxsize=None)(made)

    def __getitem__(self, name: str) -> Source:
        if name not in self._names:
            raise KeyError(name)
        return self._made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
