"""Load order: the order in which files count for a table, and the place of their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.batch import Batch

type _Order = tuple[bool, datetime, int, bool, datetime, str]
_FIRST = datetime.min.replace(tzinfo=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a file stands among the loads of its table, and the batch it last came with. A
    correction stands where the file does that it `corrects`, behind its rows."""

    at: datetime
    number: int
    batch_id: str
    loaded_at: datetime
    corrects: str | None = None


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
        for file, batch, loaded_at, placed_at, number, count, touched, corrects in loads:
            before = places.get(file)
            if count == 0 and before is not None:
                batch, loaded_at = before.batch_id, before.loaded_at
            places[file] = Place(
                at=placed_at or loaded_at,
                number=number or 0,
                batch_id=batch,
                loaded_at=loaded_at,
                corrects=corrects,
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
        order: dict[str, _Order] = {}
        latest = datetime.max.replace(tzinfo=None)
        for id_ in {*holders, *(file.file_id for file in batch.restored)}:
            order[id_] = self._order(id_)
        brought = {file.file_id for file in batch.bringing}
        for number, file in enumerate(batch.files):
            id_ = file.file_id
            if file.corrects is not None and id_ in brought:
                place = self.by_file[file.corrects]
                order[id_] = (False, _naive(place.at), place.number, True, latest, id_)
            elif file.in_force and id_ in self.by_file:
                order[id_] = self._order(id_)
            elif file.placed_at is not None and id_ in brought:
                order[id_] = (False, _naive(file.placed_at), number, False, latest, id_)
            else:
                order[id_] = (True, latest, number, False, latest, id_)
        return sorted(order, key=lambda id_: order[id_])

    def units(self, sequence: Sequence[str], batch: Batch) -> list[int]:
        """A number for each file of the sequence, rising with it: the same for a file and for its
        corrections, whose rows stand together."""
        corrected = {file.file_id: file.corrects for file in batch.files if file.corrects}
        first: dict[str, int] = {}
        found = []
        for number, id_ in enumerate(sequence):
            place = self.by_file.get(id_)
            of = corrected.get(id_) or (place.corrects if place else None) or id_
            found.append(first.setdefault(of, number))
        return found

    def with_corrections(self, batch: Batch) -> Mapping[str, Place]:
        """The places under which the batch's files are recorded: corrections have that of their
        file."""
        own = {
            file.file_id: self.by_file[file.corrects]
            for file in batch.files
            if file.corrects is not None and file.corrects in self.by_file
        }
        return {**self.by_file, **own}

    def _order(self, file_id: str) -> _Order:
        place = self.by_file[file_id]
        is_correction = place.corrects is not None
        return (
            False,
            _naive(place.at),
            place.number,
            is_correction,
            _naive(place.loaded_at) if is_correction else _FIRST,
            file_id,
        )


def _naive(moment: datetime) -> datetime:
    """The moment without its zone, for all are UTC and the latest one has none."""
    return moment.replace(tzinfo=None)
