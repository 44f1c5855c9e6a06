"""Places: the order in which files have their say about a table, and where their rows are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.bigquery.loader import bringing_rows
from schemas.batch import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a file stands among the loads of its table, and the batch it last came with."""

    at: datetime
    number: int
    batch_id: str
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class Places:
    """The places of files that were loaded before, and the partitions their rows went to."""

    by_file: Mapping[str, Place]
    _partitions: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, loads: Iterable[tuple[Any, ...]]) -> Places:
        """From the rows of `etl_meta.files`, oldest first. The last load tells the place, and the
        last that brought rows the batch; rows may be wherever any load has put some."""
        places: dict[str, Place] = {}
        partitions: dict[str, frozenset[str]] = {}
        for file, batch, loaded_at, placed_at, number, count, touched in loads:
            before = places.get(file)
            if count == 0 and before is not None:
                batch, loaded_at = before.batch_id, before.loaded_at
            places[file] = Place(
                at=placed_at or loaded_at, number=number or 0, batch_id=batch, loaded_at=loaded_at
            )
            partitions[file] = partitions.get(file, frozenset()) | set(touched)
        return cls(places, partitions)

    @property
    def known(self) -> Collection[str]:
        """The files."""
        return self.by_file.keys()

    def partitions(self, file_id: str) -> frozenset[str]:
        """Where the file's rows may be."""
        return self._partitions.get(file_id, frozenset())

    def joined(self, other: Places) -> Places:
        """Both together."""
        return Places({**self.by_file, **other.by_file}, {**self._partitions, **other._partitions})

    def sequence(self, batch: Batch, holders: Collection[str]) -> list[str]:
        """The batch's files, those under it and those that hold its places, in their order: files
        that had a place before by that, new ones after all others."""
        order: dict[str, tuple[bool, datetime, int, str]] = {}
        latest = datetime.max.replace(tzinfo=None)
        for id_ in {*holders, *(file.file_id for file in batch.under)}:
            order[id_] = self._order(id_)
        brought = {file.file_id for file in bringing_rows(batch)}
        for number, file in enumerate(batch.files):
            if file.in_force and file.file_id in self.by_file:
                order[file.file_id] = self._order(file.file_id)
            elif file.placed_at is not None and file.file_id in brought:
                order[file.file_id] = (False, _naive(file.placed_at), number, file.file_id)
            else:
                order[file.file_id] = (True, latest, number, file.file_id)
        return sorted(order, key=lambda id_: order[id_])

    def _order(self, file_id: str) -> tuple[bool, datetime, int, str]:
        place = self.by_file[file_id]
        return (False, _naive(place.at), place.number, file_id)


def _naive(moment: datetime) -> datetime:
    """The moment without its zone, for all are UTC and the latest one has none."""
    return moment.replace(tzinfo=None)
