"""Bundle files: small files of one feed on their way through one task, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.failpoints import crash_point
from pipelines.failure import HeldFiles
from pipelines.parse.kind import Kind, kind_of
from pipelines.prepare.arrival import Arrived, arrive
from pipelines.prepare.bundle_objects import BundleObjects
from pipelines.prepare.history import history_of
from pipelines.prepare.landing_lock import protect_landing
from pipelines.prepare.outcome import gone, quarantined, settled
from pipelines.prepare.repeat import repeated_by
from pipelines.prepare.stage_bundle import BundleStager
from pipelines.prepare.stage_file import Terms
from pipelines.prepare.trust import (
    doubt_about_content,
    doubt_about_mail,
    hold_file,
    let_in_before,
)
from pipelines.rejects.correction import is_correction
from pipelines.runtime import Runtime
from pipelines.telemetry import TimedStep, timed_step
from schemas import storage_keys
from schemas.drift import Finding
from schemas.errors import BusyError, DataError, ItemChangedError
from schemas.file import File, Status


@dataclass(slots=True)
class BundleFiles:
    """The files of a bundle, each of which ends among `done`, given back, held, or left to be
    prepared alone."""

    runtime: Runtime
    hold: HeldFiles
    folder: Path
    lease: str
    arrived: dict[str, Arrived] = field(default_factory=dict)
    done: list[File] = field(default_factory=list)
    alone: set[str] = field(default_factory=set)
    judged: set[str] = field(default_factory=set)

    def prepare(self, claimed: Sequence[File]) -> list[File]:
        """Prepare the files; those that have to be prepared alone, of which nothing is done."""
        runtime, feed = self.runtime, self.runtime.feeds[claimed[0].feed]
        contract, timed = runtime.contract_of(feed), timed_step(runtime, "prepare")
        files = [
            replace(file, status=Status.PREPARED, contract_version=contract.version)
            for file in claimed
        ]
        self.alone |= _later_versions(files)
        wanted = [file for file in files if file.file_id not in self.alone]
        landed = [*self._landed([file for file in wanted if self._is_let_in(file)])]
        crash_point("bundle.landed")
        wanted = self._owning([file for file in landed if self._is_plain(file)])
        crash_point("bundle.owned")
        self._stage(wanted)
        self.hold.check()
        crash_point("bundle.staged")
        self._advance(timed)
        crash_point("bundle.advanced")
        return [file for file in claimed if file.file_id in self.alone]

    def _is_let_in(self, file: File) -> bool:
        """Whether the file may be fetched, by its sender and mail; else it is held."""
        runtime, feed = self.runtime, self.runtime.feeds[file.feed]
        if feed.trust is None:
            return True
        try:
            # Asked before anything of it is here: what has landed was let in.
            if let_in_before(runtime, file):
                self.judged.add(file.file_id)
                return True
            doubt = doubt_about_mail(runtime, file, feed)
            if doubt is None:
                return True
            hold_file(runtime, file, doubt)
            self.hold.settle([file.file_id])
        except Exception as error:
            self.hold.give_back(file, error)
        return False

    def _landed(self, files: Sequence[File]) -> Iterator[File]:
        """The files whose bytes are here and in storage."""
        until = time.monotonic() + self.runtime.limits.bundle_seconds
        left = {file.file_id: file for file in files}
        for file, found in arrive(self.runtime, files, self.folder):
            self.hold.check()
            del left[file.file_id]
            if isinstance(found, ItemChangedError):
                self._note_gone(file, found)
            elif isinstance(found, DataError):
                self.done.append(quarantined(file, found))
            elif isinstance(found, Exception):
                self.hold.give_back(file, found)
            else:
                self.arrived[file.file_id] = found
                key, size = found.key, found.size
                yield replace(file, sha256=found.sha256, size=size, landing_key=key)
            if time.monotonic() > until:
                break
        for file in left.values():
            self.hold.give_back(file, BusyError("no time was left for it in its bundle"))

    def _note_gone(self, file: File, error: ItemChangedError) -> None:
        try:
            self.done.append(gone(self.runtime, file, self.runtime.feeds[file.feed], error))
        except ItemChangedError as again:
            self.hold.give_back(file, again)

    def _is_plain(self, file: File) -> bool:
        """Whether a file that has landed is staged with the others: a text, no correction, and of
        nothing that speaks against its sender."""
        runtime, feed = self.runtime, self.runtime.feeds[file.feed]
        contract, raw = runtime.contract_of(feed), self.arrived[file.file_id].raw
        if kind_of(raw) is not Kind.TEXT or is_correction(raw, contract, runtime.limits):
            self.alone.add(file.file_id)
            return False
        if feed.trust is None or file.file_id in self.judged:
            return True
        try:
            doubt = doubt_about_content(runtime, file, feed, contract, raw)
            if doubt is None:
                return True
            with protect_landing(runtime, file, raw):
                hold_file(runtime, file, doubt)
            self.hold.settle([file.file_id])
        except Exception as error:
            self.hold.give_back(file, error)
        return False

    def _owning(self, files: Sequence[File]) -> list[File]:
        """The files that own their bytes; what was loaded before is done."""
        owners = self.runtime.ledger.contents.claim_many(files)
        wanted = []
        for file in files:
            owner, repeats = owners[file.file_id], None
            if owner != file.file_id and owner in owners:
                # What becomes of it is known once its twin in this bundle has a verdict.
                self.alone.add(file.file_id)
                continue
            if owner != file.file_id:
                repeats = repeated_by(self.runtime, file, owner)
            if repeats is None:
                wanted.append(file)
            else:
                self._settle(replace(file, outcome=repeats.outcome, repeats=repeats.file_id))
        return wanted

    def _stage(self, files: Sequence[File]) -> None:
        """Stage the files, and put what was staged into storage."""
        if not files:
            return
        runtime, feed = self.runtime, self.runtime.feeds[files[0].feed]
        contract = runtime.contract_of(feed)
        terms = Terms.of(
            "", feed, contract, runtime.limits, runtime.now(),
            memory=history_of(runtime.ledger, feed.name), check=self.hold.check,
        )  # fmt: skip
        raws = {file.file_id: self.arrived[file.file_id].raw for file in files}
        staged = BundleStager(terms, self.folder).stage(raws)
        day = f"{runtime.now():%Y%m%d}"
        name = storage_keys.bundle_name(day, self.lease)
        objects = BundleObjects(runtime, feed.name, name, staged)
        for file in files:
            found = objects.staged_of(file)
            try:
                file, shown = settled(runtime, file, contract, raws[file.file_id], found, objects)
            except DataError as error:
                file, shown = quarantined(file, error), ()
            self._settle(file, shown)
        objects.put(self.folder)
        self.done = [objects.with_size(file) for file in self.done]

    def _settle(self, file: File, shown: Sequence[Finding] = ()) -> None:
        """Note what is known of the file; what an earlier attempt saw of it may be over."""
        if shown or file.attempt > 1:
            self.runtime.ledger.drifts.note(file, shown)
        self.done.append(file)

    def _advance(self, timed: TimedStep) -> None:
        """Tell the ledger of all files at once, but of bytes that somebody else refers to."""
        events = {
            file.file_id: timed.event(
                file.file_id, str(file.outcome), rows=file.counts.read, message=file.reason
            )
            for file in self.done
        }
        new = {found.key: file_id for file_id, found in self.arrived.items() if found.is_new}
        shared = self.runtime.ledger.history.landings_shared(new)
        together, apart = list[File](), list[File]()
        for file in self.done:
            key = file.landing_key
            is_own = key is None or (new.get(key) == file.file_id and key not in shared)
            (together if is_own else apart).append(file)
        self.hold.advance([(file, events[file.file_id]) for file in together])
        for file in apart:
            try:
                with protect_landing(self.runtime, file, self.arrived[file.file_id].raw):
                    self.runtime.ledger.leases.advance(file, events[file.file_id])
                self.hold.settle([file.file_id])
            except Exception as error:
                self.hold.give_back(file, error)


def _later_versions(files: Sequence[File]) -> set[str]:
    """The files that are not the first of their key: what they repeat is known once it is done."""
    seen: set[str] = set()
    later = set()
    for file in files:
        if file.item.key in seen:
            later.add(file.file_id)
        seen.add(file.item.key)
    return later
