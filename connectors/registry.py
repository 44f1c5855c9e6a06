"""The registry: connectors by kind and name, imported only when used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from pydantic import BaseModel

from connectors.protocols import Destination, Ledger, Notifier, Source, Storage, Warehouse
from schemas.capabilities import Capabilities
from schemas.cost import Cost
from schemas.errors import ConfigError

type Kind = Literal["source", "storage", "warehouse", "ledger", "notifier", "destination"]

CONNECTORS: Mapping[Kind, Mapping[str, tuple[str, str, str]]] = {
    "source": {
        "s3": ("connectors.s3.source", "S3Config", "S3Source"),
        "folder": ("connectors.folder", "FolderConfig", "FolderSource"),
        "mailbox": ("connectors.mailbox.source", "MailboxConfig", "MailboxSource"),
        "mail_bucket": ("connectors.mailbox.bucket", "MailBucketConfig", "MailBucketSource"),
    },
    "storage": {"objects": ("connectors.objects.storage", "StorageConfig", "ObjectStorage")},
    "warehouse": {"bigquery": ("connectors.bigquery", "BigQueryConfig", "BigQueryWarehouse")},
    "ledger": {"sql": ("connectors.ledger", "LedgerConfig", "SqlLedger")},
    "notifier": {
        "smtp": ("connectors.smtp.notifier", "SmtpConfig", "SmtpNotifier"),
        "file": ("connectors.smtp.notifier", "FileNotifierConfig", "FileNotifier"),
    },
    "destination": {
        "mail": ("connectors.alerts", "MailDestinationConfig", "MailDestination"),
        "webhook": ("connectors.alerts", "WebhookConfig", "WebhookDestination"),
        "command": ("connectors.alerts", "CommandConfig", "CommandDestination"),
    },
}
"""For each kind, a connector's name in config.yaml: its module, its Config and its class."""


_CAPABILITIES = {"bigquery": ("connectors.bigquery.capabilities", "BIGQUERY")}
"""For each warehouse what it can hold: a module that imports none of its libraries."""


def config_class(kind: Kind, name: str) -> type[BaseModel]:
    """The Config model of a connector; raises ConfigError that lists the known names."""
    return _load(kind, name, 1)  # type: ignore[no-any-return]


@overload
def connector_class(kind: Literal["source"], name: str) -> Callable[[Any], Source]: ...
@overload
def connector_class(kind: Literal["storage"], name: str) -> Callable[[Any], Storage]: ...
@overload
def connector_class(
    kind: Literal["warehouse"], name: str
) -> Callable[[Any, Storage, Callable[[Cost], None]], Warehouse]: ...
@overload
def connector_class(kind: Literal["ledger"], name: str) -> Callable[[Any], Ledger]: ...
@overload
def connector_class(kind: Literal["notifier"], name: str) -> Callable[[Any], Notifier]: ...
@overload
def connector_class(kind: Literal["destination"], name: str) -> Callable[..., Destination]: ...
def connector_class(kind: Kind, name: str) -> Any:
    """The connector's class, to be called with its config; raises ConfigError.

    `connectors/conformance.py` is where each is compared with its protocol.
    """
    return _load(kind, name, 2)


def warehouse_capabilities(name: str) -> Capabilities:
    """What a warehouse can hold, without one of it or its libraries; raises ConfigError."""
    config_class("warehouse", name)
    module, attribute = _CAPABILITIES[name]
    found: Capabilities = getattr(importlib.import_module(module), attribute)
    return found


def _load(kind: Kind, name: str, which: int) -> Any:
    known = CONNECTORS[kind]
    if name not in known:
        raise ConfigError(
            f'there is no {kind} of type "{name}"', hint=f"known types: {', '.join(known)}"
        )
    return getattr(importlib.import_module(known[name][0]), known[name][which])
