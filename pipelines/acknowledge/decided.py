"""Decided: files whose drift was decided about while they were on their way."""

from __future__ import annotations

from pipelines.runtime import Runtime, Work
from schemas.drift import lets_in
from schemas.file import File, Outcome


def sent_again(runtime: Runtime, file: File) -> list[Work]:
    """Send a file on its way again that was held back for drifts which let it in by now; the work
    that follows.

    To be asked in the transaction that makes it done. Whoever decides meanwhile cannot send it
    again before that; they wait for this transaction, or what they decided is seen in it.
    """
    if file.outcome is not Outcome.QUARANTINED:
        return []
    held = [each for each in runtime.ledger.drifts.sightings(file.file_id) if each.finding.held]
    if not held or not all(lets_in(each.status, each.finding) for each in held):
        return []
    runtime.ledger.files.retry(file.file_id)
    return [Work("prepare", file.file_id)]
