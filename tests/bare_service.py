"""A service without a warehouse that answers: what a ledger, storage and contracts are enough
for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from ruamel.yaml import YAML

from connectors.ledger import LedgerConfig, SqlLedger
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.runtime import Runtime

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: {name}
name: {name}
version: 1.0.0
status: active
description: {{purpose: What was sold.}}
schema:
  - name: {name}
    physicalType: table
    properties:
      - {{name: id, logicalType: string, physicalType: STRING, required: true, primaryKey: true}}
      - {{name: day, logicalType: date, physicalType: DATE, partitioned: true}}
      - {{name: amount, logicalType: integer, physicalType: INT64}}
      - {{name: iban, logicalType: string, physicalType: STRING(22), classification: confidential}}
"""
FEED = """
from pipelines import Feed, every

feed = Feed(name="{name}", source="drop", match="{name}/**", contract="{name}", write="merge",
            schedule=every(seconds=1))
"""


@dataclass
class BareService:
    """Its configuration, its runtime and its ledger."""

    folder: Path
    config: Path
    runtime: Runtime
    ledger: SqlLedger


def bare_service(
    folder: Path, *feeds: str, ledger_url: str | None = None, **sections: Any
) -> BareService:
    """A service of those feeds (`sales`, unless others are named); the warehouse is never asked."""
    names = feeds or ("sales",)
    for name in ("contracts", "feeds", "drop", "work"):
        (folder / name).mkdir()
    for name in names:
        (folder / "contracts" / f"{name}.odcs.yaml").write_text(CONTRACT.format(name=name))
        (folder / "feeds" / f"{name}.py").write_text(FEED.format(name=name))
    url = ledger_url or f"sqlite:///{folder / 'ledger.db'}"
    secret = folder / "ledger_url"
    secret.write_text(url)
    settings: dict[str, Any] = {
        "ledger": {"type": "sql", "url_file": str(secret)},
        "storage": {"type": "objects", "url": str(folder / "storage")},
        "warehouse": {
            "type": "bigquery", "project": "demo", "location": "US",
            "api_endpoint": "http://127.0.0.1:9",
        },
        "sources": {"drop": {"type": "folder", "path": str(folder / "drop"), "settle_seconds": 0}},
        "folders": {name: str(folder / name) for name in ("contracts", "feeds", "work")},
        **sections,
    }  # fmt: skip
    config = folder / "config.yaml"
    with config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    config.chmod(0o600)
    runtime = build_runtime(read_settings(config))
    runtime.ledger.migrate()
    ledger = SqlLedger(LedgerConfig(url=SecretStr(url)))
    return BareService(folder, config, runtime, ledger)
