"""Bundle objects: what a bundle's files have staged, in one object of rows and one of rejects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.prepare.stage_bundle import StagedBundle, StagedSmall
from pipelines.prepare.stage_file import REJECTS, ROWS, Staged
from pipelines.rejects.table import write_bundle_rejects
from pipelines.runtime import Runtime
from schemas import storage_keys
from schemas.arrow import PARQUET
from schemas.drift import KEPT_PROFILES, Profile
from schemas.errors import DataError
from schemas.file import File


class BundleObjects:
    """Gathers the rows and rejects of a bundle's files (protocol `Stored`), and puts them into
    storage at the end: until then the ledger knows no key of theirs."""

    def __init__(self, runtime: Runtime, feed: str, name: str, bundle: StagedBundle) -> None:
        self._runtime, self._feed, self._name, self._bundle = runtime, feed, name, bundle
        self._prefix = storage_keys.bundle(feed, name)
        self._rows: list[pa.Table] = [bundle.rows]
        self._rejects: dict[str, pa.Table] = {}
        self._seen: list[str] = []
        self._ratio = 1.0

    def staged_of(self, file: File) -> Staged | DataError:
        """What was staged of one file, or why it could not be."""
        found = self._bundle.files[file.file_id]
        return found if isinstance(found, DataError) else found.staged

    def rows(self, file: File, staged: Staged) -> tuple[str, ...]:
        """The key of all files' rows."""
        own = self._small(file).rows
        if own is not None:
            self._rows.append(own)
        return (storage_keys.rows(self._prefix),)

    def rejects(self, file: File, staged: Staged) -> str:
        """The key of all files' rejects."""
        bad = self._small(file).rejects
        assert bad is not None
        self._rejects[file.file_id] = bad
        return storage_keys.rejects(self._prefix)

    def profiles(self, file: File, staged: Staged) -> None:
        """They are kept at the end, of the latest files."""
        self._seen.append(file.file_id)

    def put(self, folder: Path) -> None:
        """Put the objects into storage, and keep what the columns look like."""
        # A file to which drift has added columns has more of them than the others.
        rows = pa.concat_tables(self._rows, promote_options="default")
        if rows.num_rows:
            path = folder / ROWS
            pq.write_table(rows, path, **PARQUET)
            self._ratio = path.stat().st_size / max(rows.nbytes, 1)
            self._runtime.storage.put(storage_keys.rows(self._prefix), path, is_final=True)
        if self._rejects:
            path = folder / REJECTS
            write_bundle_rejects(self._rejects, path)
            self._runtime.storage.put(storage_keys.rejects(self._prefix), path, is_final=True)
        latest: dict[str, Mapping[str, Profile]] = {}
        for file_id in islice(reversed(self._seen), KEPT_PROFILES):
            found = self._bundle.files[file_id]
            assert isinstance(found, StagedSmall)
            latest[file_id] = found.profiles
        self._runtime.ledger.profiles.save_many(self._feed, latest)

    def with_size(self, file: File) -> File:
        """The file with its share of the object's bytes, and its bundle if it has any."""
        if not file.staged_keys and file.rejects_key is None:
            return file
        size = int((file.staged_bytes or 0) * self._ratio)
        return replace(file, staged_bytes=size, bundle=self._name)

    def _small(self, file: File) -> StagedSmall:
        found = self._bundle.files[file.file_id]
        assert isinstance(found, StagedSmall)
        return found
