"""The reader of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipelines.parse.chunk import Parsed
from pipelines.parse.jsonl import cells_of, read_jsonl
from pipelines.parse.kind import Kind
from pipelines.parse.reader import Given, Reader, Traits
from schemas.dialect import Dialect


class JsonReader(Reader):
    """Objects, whose keys are the columns."""

    traits: ClassVar = Traits(
        said="JSON",
        kinds=frozenset({Kind.TEXT}),
        is_text=True,
        is_native=True,
        is_ordered=False,
        is_sparse=True,
    )

    def read(self, given: Given) -> Parsed:
        """As `read_jsonl`."""
        return Parsed(*read_jsonl(given.stream, given.dialect, given.columns))

    def given_back(self, raw: str, names: Sequence[str], dialect: Dialect) -> list[str] | None:
        """The object's values; the whole line where it is no object."""
        found = cells_of(raw)
        return [found.get(name) or "" for name in names] if found else [raw]
