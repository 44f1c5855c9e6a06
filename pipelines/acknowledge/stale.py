"""Stale rejects: rejected rows that lie beside an original whose newer version has none.

Who finds them there corrects rows that are in no table any more. A document goes only if its bytes
are those that we would write about the earlier version today: what somebody has changed, or another
release has written, stays.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.protocols import Withdraws
from pipelines.acknowledge.answer import answer_about
from pipelines.runtime import Runtime
from schemas.file import File, Outcome
from schemas.language import translate
from schemas.receipt import DOCUMENTS, Document

_REJECTED = DOCUMENTS[-1]
_NOTHING_LEFT = (
    "{name} has come again, and all its rows are loaded: nothing is to be corrected here"
)


def stale_rejects(runtime: Runtime, files: Sequence[File]) -> Mapping[str, Sequence[File]]:
    """The earlier versions whose rejected rows may lie beside files that have none, by the ids of
    these."""
    clean = {
        file.file_id: file
        for file in files
        if file.outcome is Outcome.ACCEPTED
        and file.item.group is None
        and isinstance(runtime.sources.get(file.source), Withdraws)
    }
    found: dict[str, list[File]] = defaultdict(list)
    for earlier in runtime.ledger.files.superseded_by(clean) if clean else ():
        newer = clean[earlier.superseded_by or ""]
        same = (earlier.feed, earlier.item.key) == (newer.feed, newer.item.key)
        if same and earlier.rejects_key is not None:
            found[newer.file_id].append(earlier)
    return found


def withdraw_stale(runtime: Runtime, file: File, earlier: Sequence[File]) -> None:
    """Take back what was left about earlier versions of a file. Safe to repeat; raises what the
    source raises while it is away."""
    source = runtime.sources[file.source]
    if not earlier or not isinstance(source, Withdraws):
        return
    for document, language in _left_about(runtime, earlier):
        sentence = translate(_NOTHING_LEFT, language, name=file.item.name)
        source.withdraw(file.item, document, f"{sentence}\n".encode())


def _left_about(runtime: Runtime, earlier: Sequence[File]) -> Iterator[tuple[Document, str]]:
    """The rejected rows of some files as they were written, and in which language."""
    for each in earlier:
        # As it was told before a newer version came; and before some of its rows came corrected.
        told = replace(each, superseded_by=None)
        for file in (told, replace(told, rows_corrected=0))[: 2 if told.rows_corrected else 1]:
            with (
                tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="stale-") as folder,
                ExitStack() as stack,
            ):
                try:
                    answer = answer_about(runtime, file, Path(folder), stack)
                except FileNotFoundError:
                    continue  # its rejected rows are not kept any more
                for document in answer.documents:
                    if document.suffix.endswith(_REJECTED):
                        yield document, answer.receipt.language
