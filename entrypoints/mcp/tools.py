"""The tools: each a question of the API, answered with the API's own models."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from entrypoints.web.api.alerts import AlertModel, AlertsModel
from entrypoints.web.api.caller import Caller
from entrypoints.web.api.drifts import DriftModel, DriftsModel
from entrypoints.web.api.feeds import ContractModel, DayModel, DaysModel, FeedModel, FeedsModel
from entrypoints.web.api.fields import Model, Text
from entrypoints.web.api.file_models import (
    CountsModel,
    FileDetailModel,
    FileModel,
    FilesModel,
    ReceiptModel,
    RejectedRowModel,
    RejectedRowsModel,
)
from entrypoints.web.api.files import detail_of
from entrypoints.web.api.paging import cursor_of, mark_of
from entrypoints.web.api.service import QuotaModel, QuotasModel, WorkerModel, WorkersModel
from entrypoints.web.api.waiting import (
    HeldFilesModel,
    HeldModel,
    UnmatchedGroupsModel,
    UnmatchedModel,
)
from pipelines.operations.alerts import list_alerts
from pipelines.operations.answers import receipt_of, rejected_page
from pipelines.operations.drift_decisions import list_drifts
from pipelines.operations.feed_details import contract_in_words, daily_counts, feed_details
from pipelines.operations.file_search import search_files
from pipelines.operations.holds import held_files
from pipelines.operations.service import table_quotas, workers
from pipelines.operations.unmatched import listed
from schemas.errors import ConflictError, NotFoundError
from schemas.file import Outcome
from schemas.file_query import FileQuery

NAMES = (
    "search_files", "get_file", "get_receipt", "list_rejected_rows", "list_feeds", "get_feed",
    "get_contract", "get_daily_counts", "list_alerts", "list_drifts", "list_held",
    "list_unmatched", "get_quota", "list_workers", "check_file",
)  # fmt: skip
_MOST = 200

FileId = Annotated[str, Field(description="The 16 hex digits that search_files tells.")]
FeedName = Annotated[str, Field(description="The name of a feed, as list_feeds tells.")]
Limit = Annotated[int, Field(ge=1, le=_MOST)]


class BrokenRule(Model):
    """A rule that rows of a checked file break, with examples."""

    rule: str
    column: Text | None
    header: Text | None
    rows: int
    examples: tuple[Text, ...]


class CheckedFile(Model):
    """What would become of a file; `not_judged` says what only sending it can show."""

    outcome: Outcome
    reason: Text | None
    warnings: tuple[Text, ...]
    not_judged: tuple[str, ...]
    counts: CountsModel
    broken_rules: tuple[BrokenRule, ...]
    drift: tuple[Text, ...]


@dataclass(frozen=True)
class Asked:
    """The questions of one assistant, which may check files inside a folder."""

    caller: Callable[[], Caller]
    folder: Path

    def search_files(
        self,
        starts: Annotated[str | None, Field(description="Start of name, id or sender.")] = None,
        feed: str | None = None,
        status: Annotated[
            str | None, Field(description="Such as partly, quarantined, failed, held, done.")
        ] = None,
        limit: Limit = 20,
        cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None,
    ) -> FilesModel:
        """Files that were sent, newest first, and what became of them."""
        caller = self.caller()
        feeds = caller.only_feeds if feed is None else [caller.feed(feed)]
        query = FileQuery(status=status, starts=starts)
        page = search_files(caller.runtime, query, feeds, mark_of(cursor), limit)
        items = tuple(FileModel.of(file, caller.mask(file.feed)) for file in page.files)
        return FilesModel(items=items, next=cursor_of(page.mark))

    def get_file(self, file_id: FileId) -> FileDetailModel:
        """One file: its timeline, counts, what became of each line, versions and replies."""
        caller = self.caller()
        return detail_of(caller, caller.file(file_id))

    def get_receipt(self, file_id: FileId) -> ReceiptModel:
        """Why a file was refused or loaded in part: each broken rule, how often, how to fix it."""
        caller = self.caller()
        file = caller.file(file_id)
        return ReceiptModel.of(receipt_of(caller.runtime, file, caller.mask(file.feed)))

    def list_rejected_rows(
        self, file_id: FileId, rule: str | None = None, after: int = 0, limit: Limit = 20
    ) -> RejectedRowsModel:
        """The rejected rows of a file with their lines, cells and what is wrong with each."""
        caller = self.caller()
        file = caller.file(file_id)
        mask = caller.mask(file.feed)
        page = rejected_page(caller.runtime, file, mask, rule=rule, after=after, limit=limit)
        further = None if page.further is None else str(page.further)
        return RejectedRowsModel(items=tuple(map(RejectedRowModel.of, page.rows)), next=further)

    def list_feeds(self) -> FeedsModel:
        """The feeds: where their files come from, whether they run, how fresh their tables are."""
        caller = self.caller()
        found = (feed_details(caller.runtime, name) for name in sorted(caller.feeds))
        return FeedsModel(items=tuple(FeedModel.of(each, caller) for each in found))

    def get_feed(self, feed: FeedName) -> FeedModel:
        """One feed."""
        caller = self.caller()
        return FeedModel.of(feed_details(caller.runtime, caller.feed(feed)), caller)

    def get_contract(self, feed: FeedName) -> ContractModel:
        """What a file of a feed must be: its columns and all rules, in words."""
        caller = self.caller()
        return ContractModel.of(contract_in_words(caller.runtime, caller.feed(feed)))

    def get_daily_counts(
        self, feed: FeedName, days: Annotated[int, Field(ge=1, le=400)] = 14
    ) -> DaysModel:
        """How many files and rows ended each day, and how."""
        caller = self.caller()
        found = daily_counts(caller.runtime, caller.feed(feed), days)
        return DaysModel(items=tuple(map(DayModel.model_validate, found)))

    def list_alerts(self) -> AlertsModel:
        """What is the matter now, and what to do about it."""
        caller = self.caller()
        found = list_alerts(caller.runtime, limit=10_000)
        seen = [each for each in found if caller.sees(each.trouble.feed)][:_MOST]
        return AlertsModel(items=tuple(AlertModel.of(each, caller) for each in seen))

    def list_drifts(self) -> DriftsModel:
        """How files differ from their contracts, where nobody has decided yet."""
        caller = self.caller()
        seen = [each for each in list_drifts(caller.runtime) if caller.sees(each.feed)]
        return DriftsModel(items=tuple(DriftModel.of(each, caller) for each in seen[:_MOST]))

    def list_held(self) -> HeldFilesModel:
        """Files that wait for a person, because their feed does not trust who sent them."""
        caller = self.caller()
        seen = [each for each in held_files(caller.runtime) if caller.sees(each.hold.feed)]
        return HeldFilesModel(items=tuple(map(HeldModel.of, seen[:_MOST])))

    def list_unmatched(self) -> UnmatchedGroupsModel:
        """What lies at the sources and no feed takes, and why."""
        caller = self.caller()
        seen = [each for each in listed(caller.runtime) if caller.sees(each.feed)]
        return UnmatchedGroupsModel(items=tuple(map(UnmatchedModel.of, seen[:_MOST])))

    def get_quota(self) -> QuotasModel:
        """What was used of each table's daily quotas."""
        caller = self.caller()
        found = table_quotas(caller.runtime, caller.feeds)
        return QuotasModel(items=tuple(map(QuotaModel.of, found)))

    def list_workers(self) -> WorkersModel:
        """The workers, and whether they are alive."""
        return WorkersModel(items=tuple(map(WorkerModel.of, workers(self.caller().runtime))))

    def check_file(
        self,
        path: Annotated[str, Field(description="A file in the folder that may be checked.")],
        feed: FeedName,
    ) -> CheckedFile:
        """What would become of a file on this machine if it were sent; loads nothing."""
        from pipelines.operations.dry_run import check
        from pipelines.prepare.history import history_of

        caller = self.caller()
        runtime = caller.runtime
        known = runtime.feeds[caller.feed(feed)]
        file = (self.folder / path).resolve()
        if not file.is_relative_to(self.folder):
            raise ConflictError(f"only files in {self.folder} may be checked")
        if not file.is_file():
            raise NotFoundError("there is no such file in the folder that may be checked")
        with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="check-") as folder:
            found = check(
                file, known, runtime.contract_of(known), runtime.limits, Path(folder),
                capabilities=runtime.warehouse.capabilities,
                memory=history_of(runtime.ledger, feed), now=runtime.now(),
            )  # fmt: skip
        return CheckedFile(
            outcome=found.outcome,
            reason=found.reason,
            counts=CountsModel.model_validate(found.counts),
            broken_rules=tuple(
                BrokenRule(
                    rule=each.rule,
                    column=each.column,
                    header=each.header,
                    rows=each.rows,
                    examples=tuple(
                        f"{member}, line {line}: {text}" if member else f"line {line}: {text}"
                        for line, text, member in each.examples
                    ),
                )
                for each in found.rejects
            ),
            warnings=found.warnings,
            not_judged=found.not_judged,
            drift=tuple(each.render() for each in found.drift),
        )
