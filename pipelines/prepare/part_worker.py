"""Part worker: one worker's share of the parts of a large file, in a scratch folder of its own."""

from __future__ import annotations

import io
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.drift.detector import NOTHING_KNOWN, DriftWatch
from pipelines.parse import Accounts, Parsed, Part, ahead, parsed, read_part
from pipelines.prepare.file_span import FileSpan
from pipelines.prepare.parts_exchange import Found, Top
from pipelines.prepare.stage_file import Terms, walked
from pipelines.runtime import Runtime
from pipelines.stored_files import COPY_BYTES
from pipelines.validate.file_rules import WholeFile
from schemas import storage_keys
from schemas.errors import DataError
from schemas.file import Counts, File


class PartWorker:
    """Stages parts of one file for one worker, in its own scratch folder."""

    def __init__(self, runtime: Runtime, file: File, terms: Terms, folder: Path) -> None:
        self.storage, self.terms, self.folder = runtime.storage, terms, folder
        self._prefix = file.staged_prefix
        self.slowest = 0.0

    def take(self, part: Part) -> bool:
        """Whether the part is ours to do: nobody has taken it before."""
        return self.write(storage_keys.taken(self._prefix, part.number), {})

    def found(self, part: Part) -> Found | None:
        """What was found in the part, once its taker has written it down."""
        try:
            with self.storage.open(storage_keys.found(self._prefix, part.number)) as stream:
                said = json.load(stream)
        except FileNotFoundError:
            return None
        partitions = tuple(said.pop("partitions"))
        return Found(counts=Counts(**said.pop("counts")), partitions=partitions, **said)

    def do_own(self, top: Top, part: Part, raw: Path) -> None:
        """Stage a part of the file that lies here; its bytes have come."""
        begun = time.monotonic()
        with io.BufferedReader(FileSpan(raw, part.start, part.end), COPY_BYTES) as span:
            reading: AbstractContextManager[Parsed] = (
                below(top, part, span, self.terms)
                if part.number
                else from_top(raw, self.terms, self.folder, lambda: span)
            )
            self.do(top, part, reading)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def do(self, top: Top, part: Part, reading: AbstractContextManager[Parsed]) -> None:
        """Stage the rows of a part that are being read, and write down what was found in it."""
        terms, token = self.terms, uuid.uuid4().hex[:8]
        watch = DriftWatch(top.names, None, terms.contract, NOTHING_KNOWN)
        whole = WholeFile(terms.contract, terms.feed)
        try:
            accounts = Accounts()
            with reading as found:
                counted = replace(found, chunks=accounts.over(found.chunks))
                walk = walked(counted, watch, terms, self.folder, whole, accounts)
        except DataError:
            self._tell(part, Found(refused=True))
            return
        keys: dict[str, str] = {}
        size = (self.folder / "rows.parquet").stat().st_size if walk.counts.loaded else 0
        for name, count in (("rows", walk.counts.loaded), ("rejects", walk.counts.rejected)):
            if count:
                keys[name] = storage_keys.of_part(self._prefix, name, part.number, token)
                path = self.folder / f"{name}.parquet"
                self.storage.put(keys[name], path, is_final=True)
                # The next part's rows go into a file of their own.
                path.unlink()
        self._tell(
            part,
            Found(
                rows=keys.get("rows"),
                rejects=keys.get("rejects"),
                size=size,
                counts=walk.counts,
                partitions=walk.partitions,
                warned=walk.checker.to_json(),
                watch=watch.to_json(),
                accounted=walk.accounted.to_json(),
            ),
        )

    def write(self, key: str, value: Any) -> bool:
        """Write a small object; False if it is there already."""
        path = self.folder / "note.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return self.storage.put(key, path)

    def fetch(self, keys: Sequence[str], name: str) -> list[Path]:
        """Staged files brought here from storage."""
        paths = []
        for number, key in enumerate(keys):
            paths.append(self.folder / f"{name}-{number}.parquet")
            with self.storage.open(key) as stream, paths[-1].open("wb") as copy:
                shutil.copyfileobj(stream, copy, COPY_BYTES)
        return paths

    def _tell(self, part: Part, found: Found) -> None:
        self.write(storage_keys.found(self._prefix, part.number), asdict(found))


def from_top(
    raw: Path, terms: Terms, folder: Path, opened: Callable[[], BinaryIO]
) -> AbstractContextManager[Parsed]:
    """The rows below the header, of as much of the file as is opened."""
    dialect, limits = terms.contract.dialect, terms.limits
    columns = [column.name for column in terms.contract.file_columns]
    return parsed(raw, dialect, limits, folder, columns, opened=opened)


@contextmanager
def below(top: Top, part: Part, stream: BinaryIO, terms: Terms) -> Iterator[Parsed]:
    """The rows of a part that has no header."""
    dialect, limits = terms.contract.dialect, terms.limits
    above = Parsed(top.names, iter(()), top.line_end, top.heads)
    found = read_part(stream, dialect, limits.block_bytes, above, part.line)
    with ahead(found.chunks) as chunks:
        yield replace(found, chunks=chunks)
