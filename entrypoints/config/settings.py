"""Settings: `config.yaml` as one typed view, overridden by environment variables.

Secrets come from the environment (`${NAME}` in the YAML) or from files (`password_file`), never
from the YAML itself.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from connectors.paths import LocalFile, LocalPath, starting_at, with_secrets_from_files
from connectors.registry import Kind, config_class
from entrypoints.config.config_file import ConfigFile, expanded, refuse_plain_secrets
from entrypoints.config.outgoing import Webhooks
from entrypoints.config.telemetry import Log, Metrics
from entrypoints.config.web import Web
from schemas.errors import ConfigError
from schemas.limits import AlertRules, Limits, Quotas, Retention
from schemas.upload import UPLOADS


class Part(BaseModel):
    """One configured connector: its type by name, and its own typed configuration."""

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[Kind]

    type: str
    """The connector's name."""
    config: Any
    """What the connector is told; in the YAML its keys stand beside `type`."""

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, value: Any) -> Any:
        """Turn `{type: s3, bucket: …}` into the connector's own config."""
        if isinstance(value, cls) or not isinstance(value, Mapping):
            return value
        rest = dict(value)
        if isinstance(own := rest.pop("config", None), Mapping):
            rest |= own
        elif own is not None:
            return value
        name = rest.pop("type", None)
        if not isinstance(name, str):
            raise ValueError("`type` is missing: it names the connector")
        model = config_class(cls.kind, name)
        return {"type": name, "config": model.model_validate(with_secrets_from_files(rest, model))}

    @field_serializer("config")
    def _plain(self, config: BaseModel) -> dict[str, Any]:
        return config.model_dump(mode="json")


class SourcePart(Part):
    """A source."""

    kind = "source"


class StoragePart(Part):
    """Where landed and staged files are kept."""

    kind = "storage"


class WarehousePart(Part):
    """Where the tables are."""

    kind = "warehouse"


class LedgerPart(Part):
    """Where the ledger is."""

    kind = "ledger"


class NotifierPart(Part):
    """How mail goes out."""

    kind = "notifier"


class Broker(BaseModel):
    """Redis, as Celery uses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """A `redis://` or, with TLS, `rediss://` address."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM). A `rediss://` server's certificate and
    host name are always verified."""
    visibility_seconds: int = Field(default=300, gt=0)
    """After this time, a task that its worker has not finished goes to another worker."""

    @property
    def tls(self) -> dict[str, Any] | None:
        """How redis-py verifies the server; None without TLS. Kombu would not verify it at all."""
        if not self.url.get_secret_value().startswith("rediss://"):
            return None
        verified: dict[str, Any] = {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
            "ssl_check_hostname": True,
        }
        return verified | ({"ssl_ca_certs": str(self.ca_file)} if self.ca_file else {})

    @field_validator("url")
    @classmethod
    def _verified(cls, value: SecretStr) -> SecretStr:
        """Refuse options of TLS in the address: they would switch verification off unseen."""
        if "ssl_" in urlsplit(value.get_secret_value()).query:
            raise ValueError(
                "no ssl_… in the address: certificates are verified; see broker.ca_file"
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        """Read the address from `url_file`, if that is given."""
        return with_secrets_from_files(dict(value), cls) if isinstance(value, Mapping) else value


class Folders(BaseModel):
    """Folders on this machine; relative ones start where config.yaml is."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    contracts: LocalPath = Path("schemas")
    """Contracts, `NAME.odcs.yaml`."""
    feeds: LocalPath = Path("dags")
    """Feeds, a Python file each."""
    work: LocalPath = Path("data/work")
    """Temporary files, and the file in which beat keeps when it last sent each task."""
    templates: LocalPath | None = None
    """Receipt templates of your own, which come before those of the package."""


class DestinationPart(Part):
    """Where alerts go."""

    kind = "destination"


class Alerts(AlertRules):
    """Who hears of what is the matter, and when something is."""

    to: dict[str, DestinationPart] = Field(default_factory=dict)
    """Destinations by name: mail, webhook or command."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Read `mail_to: ops@example.com`, short for one destination by mail."""
        if not isinstance(value, Mapping) or "mail_to" not in value:
            return value
        rest = dict(value)
        mail = {"type": "mail", "to": rest.pop("mail_to")}
        return {**rest, "to": {"mail": mail, **(rest.get("to") or {})}}


class Settings(BaseSettings):
    """Everything config.yaml says. `WAYBILL_LIMITS__BATCH_FILES=50` in the environment overrides
    `limits.batch_files`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="WAYBILL_", env_nested_delimiter="__"
    )

    broker: Broker = Field(default_factory=Broker)
    """The broker that carries tasks between the processes."""
    ledger: LedgerPart
    """The database that knows every file, and what is owed to it."""
    storage: StoragePart
    """Where raw files, staged rows and rejected rows are kept; shared by all workers."""
    warehouse: WarehousePart
    """Where the tables are."""
    mail: NotifierPart | None = None
    """How replies and alerts are mailed; without it no mail is sent."""
    sources: dict[str, SourcePart]
    """Where files come from, by names of your own; a feed says which it takes."""
    limits: Limits = Limits()
    """Sizes, times and numbers of attempts."""
    quotas: Quotas = Quotas()
    """BigQuery's quotas, and the share of them that Waybill may use."""
    retention: Retention = Retention()
    """When old files, rows and records are removed."""
    folders: Folders = Field(default_factory=Folders)
    """Where contracts, feeds and work files are."""
    alerts: Alerts = Alerts()
    """Who gets alerts, and when."""
    web: Web = Web()
    """The web process: console, HTTP API, links to receipts."""
    metrics: Metrics = Metrics()
    """Where Prometheus reads the metrics."""
    log: Log = Log()
    """The log; `log: json` is short for its format."""
    webhooks: Webhooks = Webhooks()
    """Receipts as they are posted to other programs."""
    concurrency: int = Field(default=2, gt=0)
    """Worker processes on this machine."""

    @field_validator("sources")
    @classmethod
    def _none_of_ours(cls, value: dict[str, SourcePart]) -> dict[str, SourcePart]:
        """Refuse another source of the name that uploads have."""
        if UPLOADS in value:
            raise ValueError(f'"{UPLOADS}" is what is uploaded; give this source another name')
        return value

    @field_validator("sources")
    @classmethod
    def _a_queue_each(cls, value: dict[str, SourcePart]) -> dict[str, SourcePart]:
        """Refuse two sources that read one queue: each would remove what is the other's."""
        told = [
            events for part in value.values() if (events := getattr(part.config, "events", None))
        ]
        if len({each.queue_url for each in told}) < len(told):
            raise ValueError(
                "two sources read one queue: give each an events: queue_url of its own"
            )
        return value

    @field_validator("limits", mode="before")
    @classmethod
    def _limits_from_files(cls, value: Any) -> Any:
        """Read the archives' passwords from `archive_passwords_file`, if that is given."""
        return with_secrets_from_files(dict(value), Limits) if isinstance(value, Mapping) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then what the YAML said."""
        return env_settings, init_settings


def read_settings(path: Path) -> Settings:
    """The settings of a config.yaml; raises ConfigError that names file, line, key and fix."""
    file = ConfigFile(path)
    raw = file.tree
    refuse_plain_secrets(file, raw)
    try:
        with starting_at(path.parent):
            settings = Settings(**expanded(file, raw))
    except ValidationError as error:
        raise ConfigError(
            "\n".join(file.fault(tuple(each["loc"]), each["msg"]) for each in error.errors()),
            hint=f"correct {path}; `waybill config` shows what is in force",
        ) from error
    except SettingsError as error:
        # The library tells the name of the field only within its sentence.
        named = re.search(r'field "(\w+)"', str(error))
        variable = f"WAYBILL_{named[1].upper()}" if named else "a WAYBILL_ variable"
        raise ConfigError(
            f"{variable} in the environment has many keys, and what it says is no JSON",
            hint="set one key, such as WAYBILL_LIMITS__BATCH_FILES=50, or write it in config.yaml",
        ) from error
    return settings


def masked(settings: Settings) -> dict[str, Any]:
    """The effective settings as plain values, every secret replaced by asterisks."""
    plain: dict[str, Any] = settings.model_dump(mode="json")
    others = (*plain["alerts"]["to"].values(), *(plain[name] for name in _PARTS))
    for part in [*plain["sources"].values(), *others]:
        if part is not None:
            part |= part.pop("config")
    return plain


_PARTS = ("ledger", "storage", "warehouse", "mail")
