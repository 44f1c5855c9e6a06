"""Many: the senders of many files of a feed told in one task."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.decided import sent_again
from pipelines.acknowledge.follow_up import follow_up
from pipelines.acknowledge.leave import answer_to_leave, leave, note_receipts
from pipelines.acknowledge.links import links_of
from pipelines.acknowledge.move import move_many
from pipelines.acknowledge.posts import planned_posts
from pipelines.acknowledge.reply import planned_reply, send_reply
from pipelines.acknowledge.stale import stale_rejects, withdraw_stale
from pipelines.failure import HeldFiles, held_many
from pipelines.runtime import Runtime, Work
from pipelines.telemetry import timed_step
from schemas.errors import RetryableError, WaybillError
from schemas.file import File, Status
from schemas.receipt import Answer
from schemas.receipt_link import ReceiptLink

_AT_ONCE = 8
"""Requests under way at once; boto3's client holds 16 connections."""


def acknowledge_many(runtime: Runtime, feed_name: str) -> list[Work]:
    """Answer the senders of the feed's oldest loaded files; nothing if there are none.

    What `acknowledge` promises of a file holds here: answers are the same if they are repeated, and
    a mail that is not known to be sent is sent again with the same Message-ID.
    """
    limits = runtime.limits
    files = runtime.ledger.leases.claim_many(
        feed_name,
        Status.LOADED,
        runtime.new_lease(),
        limits.lease_seconds,
        max_files=limits.bundle_files,
    )
    if not files:
        return []
    crash_point("acknowledge.claimed")
    with (
        held_many(runtime, files, "acknowledge") as hold,
        tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="acknowledge-") as folder,
        ExitStack() as stack,
    ):
        timed = timed_step(runtime, "acknowledge")
        told = _Telling(runtime, hold, Path(folder), stack, links_of(runtime, files))
        for file in files:
            told.reply(file)
        crash_point("bundle.replied")
        done = told.leave()
        crash_point("bundle.told")
        hold.check()
        for file, _ in done:
            if runtime.sources[file.source].moves:
                runtime.ledger.moves.defer(file)
        now = runtime.now()
        steps = [
            (
                replace(file, status=Status.DONE, done_at=now),
                timed.event(file.file_id, "told", message=note),
            )
            for file, note in done
        ]
        again: list[Work] = []
        with runtime.ledger.acts.together():
            told_of = hold.advance(steps)
            for file in told_of:
                again += sent_again(runtime, file)
        crash_point("bundle.done")
        move_many(runtime, [file for file in told_of if runtime.sources[file.source].moves])
    is_full = len(files) >= limits.bundle_files
    return [*told.posts, *again, *([Work("acknowledge_many", feed_name)] if is_full else [])]


@dataclass(slots=True)
class _Telling:
    """Files whose senders are being told: first those who wait for mail, then at the source."""

    runtime: Runtime
    hold: HeldFiles
    folder: Path
    stack: ExitStack
    links: Mapping[str, ReceiptLink]
    away: RetryableError | None = None
    told: list[tuple[File, Answer, str | None]] = field(default_factory=list)
    posts: set[Work] = field(default_factory=set)
    stale: Mapping[str, Sequence[File]] = field(default_factory=dict)

    def reply(self, file: File) -> None:
        """Make the answer about a file, and mail it if that is due. Once the mail server is away,
        no other file waits for it to answer."""
        runtime = self.runtime
        own = self.folder / file.file_id
        own.mkdir()
        try:
            self.hold.check()
            link = self.links.get(file.file_id)
            made = answer_about(runtime, file, own, self.stack, self.folder, link)
            answer = answer_to_leave(file, made)
            reply = planned_reply(runtime, file, answer)
            self.posts.update(planned_posts(runtime, file, answer.receipt))
            if self.away is not None and not isinstance(reply, str):
                raise self.away
            sent = send_reply(runtime, reply, file, answer)
            sent.close(runtime)
        except Exception as error:
            if isinstance(error, RetryableError):
                self.away = error
            self.hold.give_back(file, error)
            return
        self.told.append((file, answer, sent.note))

    def leave(self) -> list[tuple[File, str | None]]:
        """Leave the answers at their source, those about one key in turn; the files that are done,
        with what is noted of each."""
        self.stale = stale_rejects(self.runtime, [file for file, _, _ in self.told])
        by_key: dict[str, list[tuple[File, Answer, str | None]]] = defaultdict(list)
        for each in self.told:
            by_key[each[0].item.key].append(each)
        with ThreadPoolExecutor(_AT_ONCE, "tell") as pool:
            left = [*pool.map(self._left, by_key.values())]
        done, failed = list[tuple[File, str | None]](), dict[str, WaybillError]()
        for (file, _, note), error in (each for some in left for each in some):
            if error is None:
                done.append((file, note))
                continue
            if isinstance(error, WaybillError):
                failed[file.source] = error
            self.hold.give_back(file, error)
        for source in {file.source for file, _, _ in self.told}:
            note_receipts(self.runtime, source, failed.get(source))
        return done

    def _left(
        self, some: Sequence[tuple[File, Answer, str | None]]
    ) -> list[tuple[tuple[File, Answer, str | None], Exception | None]]:
        """The answers about one key, each with what went wrong, if anything did."""
        found: list[tuple[tuple[File, Answer, str | None], Exception | None]] = []
        for each in some:
            file, answer, _ = each
            try:
                leave(self.runtime, file, answer)
                withdraw_stale(self.runtime, file, self.stale.get(file.file_id, ()))
                follow_up(self.runtime, file)
            except Exception as error:
                found.append((each, error))
            else:
                found.append((each, None))
        return found
