"""Links: each file's receipt gets an address of its own, where the console is to be reached."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from pipelines.runtime import Runtime
from schemas.file import File, Outcome
from schemas.receipt_link import ReceiptLink, expiry_of, link_of

NONCE_BYTES = 16


def links_of(runtime: Runtime, files: Iterable[File]) -> Mapping[str, ReceiptLink]:
    """The links of those files by file id, made where there are none. Nobody is told of a file that
    was not sent anew, and one whose link was revoked has none.

    Repeats give the same links, for as long as those are good for some time.
    """
    if runtime.links is None:
        return {}
    wanted = [file.file_id for file in files if file.outcome is not Outcome.UNCHANGED]
    nonces = {file_id: secrets.token_hex(NONCE_BYTES) for file_id in wanted}
    expires_at, renew_before = expiry_of(runtime.links, runtime.now())
    kept = runtime.ledger.receipt_links.mint(nonces, expires_at, renew_before)
    found = {file_id: link_of(runtime.links, each) for file_id, each in kept.items()}
    return {file_id: link for file_id, link in found.items() if link is not None}
