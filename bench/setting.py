"""The setting of a measurement: config.yaml, contracts and feeds, with every limit as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from bench.shapes import Shape

if TYPE_CHECKING:
    from bench.servers import Shared

PROJECT, DATASET, BUCKET = "demo", "bench", "drop"
_ODCS_TYPES = {
    "STRING": "string", "INT64": "integer", "NUMERIC": "number", "DATE": "date",
    "TIMESTAMP": "timestamp",
}  # fmt: skip


def write_setting(
    folder: Path, shape: Shape, warm: Shape | None, servers: Shared, bigquery_url: str
) -> Path:
    """A config.yaml with a contract and a feed for the shape and for the warm-up."""
    contracts, feeds = folder / "contracts", folder / "feeds"
    contracts.mkdir()
    feeds.mkdir()
    for each in (shape, warm) if warm is not None else (shape,):
        dump(contract_of(each), contracts / f"{each.name}.odcs.yaml")
        (feeds / f"{each.name}.py").write_text(_feed(each))
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(servers.s3.secret_key)
    config = folder / "config.yaml"
    dump(_config(folder, servers, bigquery_url, secret), config)
    return config


def _config(folder: Path, servers: Shared, bigquery_url: str, secret: Path) -> dict[str, Any]:
    """The demo's parts, with every limit as it comes."""
    return {
        "broker": {"url": servers.redis_url},
        "ledger": {"type": "sql", "url": f"sqlite:///{folder / 'ledger.db'}"},
        "storage": {"type": "objects", "url": str(folder / "storage")},
        "warehouse": {
            "type": "bigquery",
            "project": PROJECT,
            "dataset": DATASET,
            "location": "US",
            "api_endpoint": bigquery_url,
        },
        "sources": {
            "drop": {
                "type": "s3",
                "bucket": BUCKET,
                "endpoint": servers.s3.url,
                "region": servers.s3.region,
                "access_key": servers.s3.access_key,
                "secret_key_file": str(secret),
            }
        },
        "folders": {
            "contracts": str(folder / "contracts"),
            "feeds": str(folder / "feeds"),
            "work": str(folder / "work"),
        },
    }


def _feed(shape: Shape) -> str:
    return (
        f'"""The files of {shape.name}."""\n\n'
        "from pipelines import Feed, every\n\n"
        f'feed = Feed(name="{shape.name}", source="drop", match="{shape.name}/*{shape.suffix}",'
        f' contract="{shape.name}", schedule=every(minutes=60))\n'
    )


def contract_of(shape: Shape) -> Mapping[str, Any]:
    """The shape's contract in ODCS: its columns, partition and six expectations."""
    words: list[dict[str, Any]] = [{"property": "rejectThreshold", "value": 0.9}]
    if shape.suffix == ".xlsx":
        words.append({"property": "dialect", "value": {"format": "excel"}})
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"bench-{shape.name}",
        "name": shape.name,
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": shape.name,
                "physicalName": f"{DATASET}.{shape.name}",
                "physicalType": "table",
                "customProperties": words,
                "properties": [_property(shape, column.name) for column in shape.columns],
            }
        ],
    }


def _property(shape: Shape, name: str) -> dict[str, Any]:
    column = next(column for column in shape.columns if column.name == name)
    made: dict[str, Any] = {
        "name": name,
        "logicalType": _ODCS_TYPES[column.type],
        "physicalType": "NUMERIC(12,2)" if column.type == "NUMERIC" else column.type,
        "required": column.required,
    }
    if name == shape.day:
        made["partitioned"] = True
    rules = [rule for rule in shape.rules if rule.column == name]
    if rules:
        made["quality"] = [
            {
                "type": "custom",
                "engine": "greatExpectations",
                "implementation": {"type": rule.type, "kwargs": dict(rule.arguments)},
            }
            for rule in rules
        ]
    return made


def dump(value: Mapping[str, Any], path: Path) -> None:
    """Write a mapping as YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    with path.open("w", encoding="utf-8") as out:
        yaml.dump(value, out)
