"""Digest: one mail to each sender about all files since the last."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.links import links_of
from pipelines.acknowledge.render import digest_bodies
from pipelines.acknowledge.reply import DeliveryResult, rejects_of, send
from pipelines.acknowledge.template_mail import templates_for
from pipelines.runtime import Runtime, Work
from schemas.errors import RetryableError
from schemas.language import translate_count
from schemas.receipt import Document, Message, Receipt
from schemas.receipt_link import ReceiptLink
from schemas.reply import Reply, reply_id_of

log = logging.getLogger(__name__)

_LOCK_SECONDS = 300
_MAX_REFERENCES = 20


def digest(runtime: Runtime, feed_name: str) -> list[Work]:
    """Mail the feed's waiting replies, one mail for each sender (more above
    `limits.digest_files`). A digest that was broken off goes first, with the same files and the
    same Message-ID.

    Raises RetryableError when some mail could not be sent now; the others are.
    """
    if runtime.notifier is None:
        return []
    failed: RetryableError | None = None
    for to in runtime.ledger.digests.due(feed_name):
        lock = "digest " + hashlib.sha256(f"{feed_name}\x00{to}".encode()).hexdigest()[:24]
        if not runtime.ledger.locks.take(lock, runtime.owner, _LOCK_SECONDS):
            continue
        try:
            while replies := runtime.ledger.digests.open(
                feed_name, to, runtime.limits.digest_files
            ):
                told = _send(runtime, feed_name, replies)
                told.close(runtime)
                log.info("feed %s: digest: %s", feed_name, told.note)
                runtime.ledger.locks.take(lock, runtime.owner, _LOCK_SECONDS)
        except RetryableError as error:
            failed = error
        finally:
            runtime.ledger.locks.give_back(lock, runtime.owner)
    if failed is not None:
        raise failed
    return []


def _send(runtime: Runtime, feed_name: str, replies: Sequence[Reply]) -> DeliveryResult:
    feed = runtime.feeds[feed_name]
    language = feed.language_for(replies[0].to)
    files = {file.file_id: file for file in runtime.ledger.files.many([r.file_id for r in replies])}
    links = links_of(runtime, files.values())
    receipts = [_linked(each.receipt, links.get(each.file_id)) for each in replies]
    bodies = digest_bodies(receipts, feed, language, runtime.templates)
    with ExitStack() as stack:
        attachments: list[tuple[str, Document]] = []
        own = tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="digest-")
        enclosed = templates_for(runtime, replies, Path(stack.enter_context(own)))
        for reply in replies:
            file = files.get(reply.file_id)
            # A file that has been sent on its way again since has no rejected rows of that load.
            if file is None or file.rejects_key is None or reply_id_of(file) != reply.reply_id:
                continue
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="digest-")
                )
            )
            answer = answer_about(runtime, file, folder, stack)
            attachments += rejects_of(file.item.name, answer)
        asked = [
            asked
            for reply in replies
            if (file := files.get(reply.file_id)) and (asked := file.item.detail.get("message_id"))
        ]
        subject = translate_count(
            len(replies),
            "What became of your file ({feed})",
            "What became of your {count:,} files ({feed})",
            language,
            feed=feed_name,
        )
        message = Message(
            message_id=replies[0].message_id,
            to=replies[0].to,
            subject=subject,
            text=enclosed.text(bodies.text),
            html=enclosed.html(bodies.html),
            in_reply_to=asked[-1] if asked else None,
            references=tuple(dict.fromkeys(asked[-_MAX_REFERENCES:])),
            attachments=(*attachments, *enclosed.attachments),
            language=language,
        )
        return send(runtime, message)


def _linked(receipt: Receipt, link: ReceiptLink | None) -> Receipt:
    """A receipt as it was kept, with its link, which is not."""
    if link is None:
        return receipt
    return replace(receipt, link=link.url, link_until=link.until)
