"""Stale rejects: rejected rows that lie beside an original of which nothing is rejected any more: a
newer version has come, the contract takes them now, or all have come corrected.

Who finds them there corrects rows that are loaded, or in no table any more. A document goes only if
its bytes are those that were left there last, by the ledger: what somebody has changed stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.protocols import Withdraws
from pipelines.acknowledge.addressee import addressee
from pipelines.runtime import Runtime
from schemas.file import File, Outcome
from schemas.language import translate
from schemas.left_document import LeftDocument
from schemas.receipt import DOCUMENTS, Answer

_REJECTED = DOCUMENTS[-1]
ALL_LOADED = "All rows of {name} are loaded: nothing is to be corrected here"
TAKEN_OUT = "{name} was taken out of the table: nothing is to be corrected here"


def without_rejects(answer: Answer) -> Answer:
    """The answer alone."""
    documents = tuple(each for each in answer.documents if not each.suffix.endswith(_REJECTED))
    return replace(answer, documents=documents)


def note_left(runtime: Runtime, file: File, answer: Answer) -> None:
    """Note which rejected rows of a file an answer has left at its source. Safe to repeat."""
    if not isinstance(runtime.sources[file.source], Withdraws):
        return
    for document in answer.documents:
        if document.suffix.endswith(_REJECTED):
            left = LeftDocument.of(document.suffix, document.path)
            if left != file.rejects_left:
                runtime.ledger.files.note_left(file.file_id, left)


def stale_rejects(runtime: Runtime, files: Sequence[File]) -> Mapping[str, Sequence[File]]:
    """The files whose rejected rows may lie beside files that have none (they themselves before
    they were sent on their way again, and earlier versions), by the ids of these."""
    clean = {file.file_id: file for file in files if _is_clean(runtime, file)}
    found: dict[str, list[File]] = defaultdict(list)
    for earlier in runtime.ledger.files.superseded_by(clean) if clean else ():
        newer = clean[earlier.superseded_by or ""]
        if (earlier.feed, earlier.item.key) == (newer.feed, newer.item.key):
            found[newer.file_id].append(earlier)
    for file in clean.values():
        found[file.file_id].append(file)
    return {
        file_id: left
        for file_id, some in found.items()
        if (left := [each for each in some if each.rejects_left is not None])
    }


def _is_clean(runtime: Runtime, file: File) -> bool:
    return (
        (file.outcome is Outcome.ACCEPTED or file.is_fixed)
        and file.item.group is None
        and isinstance(runtime.sources.get(file.source), Withdraws)
    )


def withdraw_stale(
    runtime: Runtime, file: File, stale: Sequence[File], why: str = ALL_LOADED
) -> None:
    """Take back what was left about a file and earlier versions of it, and say `why` where that
    cannot be removed. Safe to repeat; raises what the source raises while it is away."""
    source = runtime.sources[file.source]
    if not isinstance(source, Withdraws):
        return
    language = runtime.feeds[file.feed].language_for(addressee(file))
    sentence = translate(why, language, name=file.item.name)
    for each in stale:
        left = each.rejects_left
        if left is not None and source.withdraw(file.item, left, f"{sentence}\n".encode()):
            runtime.ledger.files.note_left(each.file_id, None)
