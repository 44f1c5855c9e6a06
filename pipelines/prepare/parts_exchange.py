"""Parts exchange: the small objects in storage by which workers share the parts of a large file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.parse import Part
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.file import Counts, File


@dataclass(frozen=True, slots=True)
class Top:
    """What is to be known of a file's top by who reads a part of it."""

    names: tuple[str, ...]
    line_end: str
    heads: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a file is cut, and its terms."""

    landing_key: str
    contract_version: str
    now: str
    top: Top
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found in a part, and where in storage its rows are, which take `size` bytes; nothing
    of a `refused` one."""

    rows: str | None = None
    rejects: str | None = None
    size: int = 0
    counts: Counts = field(default_factory=Counts)
    partitions: tuple[str, ...] = ()
    warned: Sequence[Any] = ()
    watch: dict[str, Any] | None = None
    refused: bool = False
    accounted: dict[str, Any] = field(default_factory=dict)


def size_of(file: File) -> int:
    """How large the file is: known once it has landed, before that what its source says."""
    return file.size or file.item.size or 0


def read_plan(runtime: Runtime, file: File) -> Plan | None:
    """The plan of the file's attempt; None if it is not written yet, or cleaned."""
    try:
        with runtime.storage.open(storage_keys.plan(file.staged_prefix)) as stream:
            said = json.load(stream)
    except FileNotFoundError:
        return None
    parts = tuple(Part(**each) for each in said.pop("parts"))
    top = said.pop("top")
    heads = tuple(map(tuple, top.get("heads", ())))
    return Plan(top=Top(tuple(top["names"]), top["line_end"], heads), parts=parts, **said)
