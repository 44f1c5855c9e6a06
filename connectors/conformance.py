"""Conformance: every connector as what it is for, so that mypy says which method one lacks.

Nothing here runs, nor is it imported by what runs: a function that returns its argument as a
protocol type-checks only if the argument's class has all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.alerts import CommandDestination, MailDestination, WebhookDestination
    from connectors.bigquery import BigQueryWarehouse
    from connectors.commands import LocalCommands
    from connectors.folder import FolderSource
    from connectors.https.client import HttpsClient
    from connectors.ledger import SqlLedger
    from connectors.ledger.acts import Acts
    from connectors.ledger.after_loads import AfterLoads
    from connectors.ledger.alerts import Alerts
    from connectors.ledger.batches import Batches
    from connectors.ledger.cleaning import History
    from connectors.ledger.contents import Contents
    from connectors.ledger.contract_revisions import ContractRevisions
    from connectors.ledger.corrections import Corrections
    from connectors.ledger.costs import Costs
    from connectors.ledger.daily_counts import DailyCounts
    from connectors.ledger.digests import Digests
    from connectors.ledger.drafts import Drafts
    from connectors.ledger.drifts import Drifts
    from connectors.ledger.feeds import Feeds
    from connectors.ledger.file_pages import FilePages
    from connectors.ledger.files import Files
    from connectors.ledger.generations import Generations
    from connectors.ledger.holds import Holds
    from connectors.ledger.keys import Keys
    from connectors.ledger.leases import Leases
    from connectors.ledger.locks import Locks
    from connectors.ledger.measures import Measures
    from connectors.ledger.moves import Moves
    from connectors.ledger.operations import Operations
    from connectors.ledger.posts import Posts
    from connectors.ledger.profiles import FileProfiles
    from connectors.ledger.quota import Quota
    from connectors.ledger.receipt_links import ReceiptLinks
    from connectors.ledger.recovery import Recovery
    from connectors.ledger.replies import Replies
    from connectors.ledger.sender_counts import SenderCounts
    from connectors.ledger.sent_files import SentFiles
    from connectors.ledger.services import Services
    from connectors.ledger.timelines import Timelines
    from connectors.ledger.trusted_senders import TrustedSenders
    from connectors.ledger.unmatched import UnmatchedItems
    from connectors.ledger.uploads import Uploads
    from connectors.ledger.webhooks import Webhooks
    from connectors.ledger.workers import Workers
    from connectors.mailbox.bucket import MailBucketSource
    from connectors.mailbox.source import MailboxSource
    from connectors.objects.multipart import S3Multipart
    from connectors.objects.storage import ObjectStorage
    from connectors.protocols import (
        Answering,
        Commands,
        Destination,
        FetchesMany,
        FinishesMany,
        Hinted,
        Ledger,
        LedgerActs,
        LedgerAfterLoads,
        LedgerAlerts,
        LedgerBatches,
        LedgerContents,
        LedgerContractRevisions,
        LedgerCorrections,
        LedgerCosts,
        LedgerDailyCounts,
        LedgerDigests,
        LedgerDrafts,
        LedgerDrifts,
        LedgerFeeds,
        LedgerFilePages,
        LedgerFiles,
        LedgerGenerations,
        LedgerHistory,
        LedgerHolds,
        LedgerKeys,
        LedgerLeases,
        LedgerLocks,
        LedgerMeasures,
        LedgerMoves,
        LedgerOperations,
        LedgerPosts,
        LedgerProfiles,
        LedgerQuota,
        LedgerReceiptLinks,
        LedgerRecovery,
        LedgerReplies,
        LedgerSenders,
        LedgerSentFiles,
        LedgerServices,
        LedgerTimelines,
        LedgerTrustedSenders,
        LedgerUnmatched,
        LedgerUploads,
        LedgerWebhooks,
        LedgerWorkers,
        Notifier,
        OffersParts,
        PreloadsParts,
        Source,
        Storage,
        Surveyed,
        TakesParts,
        Vouching,
        Warehouse,
        Watched,
        WebhookClient,
        Withdraws,
    )
    from connectors.s3.source import S3Source
    from connectors.smtp.notifier import FileNotifier, SmtpNotifier
    from connectors.uploads import UploadsSource

    def _folder(each: FolderSource) -> Source:
        return each

    def _folder_is_surveyed(each: FolderSource) -> Surveyed:
        return each

    def _folder_withdraws(each: FolderSource) -> Withdraws:
        return each

    def _s3_withdraws(each: S3Source) -> Withdraws:
        return each

    def _folder_is_watched(each: FolderSource) -> Watched:
        return each

    def _folder_is_hinted(each: FolderSource) -> Hinted:
        return each

    def _s3(each: S3Source) -> Source:
        return each

    def _s3_is_surveyed(each: S3Source) -> Surveyed:
        return each

    def _s3_is_watched(each: S3Source) -> Watched:
        return each

    def _s3_is_hinted(each: S3Source) -> Hinted:
        return each

    def _mailbox(each: MailboxSource) -> Source:
        return each

    def _mailbox_is_watched(each: MailboxSource) -> Watched:
        return each

    def _mailbox_answers(each: MailboxSource) -> Answering:
        return each

    def _mailbox_vouches(each: MailboxSource) -> Vouching:
        return each

    def _folder_fetches_many(each: FolderSource) -> FetchesMany:
        return each

    def _s3_fetches_many(each: S3Source) -> FetchesMany:
        return each

    def _s3_finishes_many(each: S3Source) -> FinishesMany:
        return each

    def _mailbox_fetches_many(each: MailboxSource) -> FetchesMany:
        return each

    def _mailbox_finishes_many(each: MailboxSource) -> FinishesMany:
        return each

    def _mail_bucket(each: MailBucketSource) -> Source:
        return each

    def _mail_bucket_answers(each: MailBucketSource) -> Answering:
        return each

    def _mail_bucket_vouches(each: MailBucketSource) -> Vouching:
        return each

    def _uploads(each: UploadsSource) -> Source:
        return each

    def _objects_offer_parts(each: ObjectStorage) -> OffersParts:
        return each

    def _s3_parts(each: S3Multipart) -> TakesParts:
        return each

    def _objects(each: ObjectStorage) -> Storage:
        return each

    def _bigquery(each: BigQueryWarehouse) -> Warehouse:
        return each

    def _bigquery_preloads(each: BigQueryWarehouse) -> PreloadsParts:
        return each

    def _sql(each: SqlLedger) -> Ledger:
        return each

    def _sql_contracts(each: ContractRevisions) -> LedgerContractRevisions:
        return each

    def _sql_measures(each: Measures) -> LedgerMeasures:
        return each

    def _sql_drafts(each: Drafts) -> LedgerDrafts:
        return each

    def _sql_feeds(each: Feeds) -> LedgerFeeds:
        return each

    def _sql_files(each: Files) -> LedgerFiles:
        return each

    def _sql_timelines(each: Timelines) -> LedgerTimelines:
        return each

    def _sql_contents(each: Contents) -> LedgerContents:
        return each

    def _sql_corrections(each: Corrections) -> LedgerCorrections:
        return each

    def _sql_leases(each: Leases) -> LedgerLeases:
        return each

    def _sql_moves(each: Moves) -> LedgerMoves:
        return each

    def _sql_history(each: History) -> LedgerHistory:
        return each

    def _sql_batches(each: Batches) -> LedgerBatches:
        return each

    def _sql_after_loads(each: AfterLoads) -> LedgerAfterLoads:
        return each

    def _sql_locks(each: Locks) -> LedgerLocks:
        return each

    def _sql_generations(each: Generations) -> LedgerGenerations:
        return each

    def _sql_recovery(each: Recovery) -> LedgerRecovery:
        return each

    def _sql_quota(each: Quota) -> LedgerQuota:
        return each

    def _sql_costs(each: Costs) -> LedgerCosts:
        return each

    def _sql_drifts(each: Drifts) -> LedgerDrifts:
        return each

    def _sql_profiles(each: FileProfiles) -> LedgerProfiles:
        return each

    def _sql_unmatched(each: UnmatchedItems) -> LedgerUnmatched:
        return each

    def _sql_holds(each: Holds) -> LedgerHolds:
        return each

    def _sql_replies(each: Replies) -> LedgerReplies:
        return each

    def _sql_digests(each: Digests) -> LedgerDigests:
        return each

    def _sql_sent_files(each: SentFiles) -> LedgerSentFiles:
        return each

    def _sql_receipt_links(each: ReceiptLinks) -> LedgerReceiptLinks:
        return each

    def _sql_webhooks(each: Webhooks) -> LedgerWebhooks:
        return each

    def _sql_posts(each: Posts) -> LedgerPosts:
        return each

    def _sql_alerts(each: Alerts) -> LedgerAlerts:
        return each

    def _sql_workers(each: Workers) -> LedgerWorkers:
        return each

    def _sql_services(each: Services) -> LedgerServices:
        return each

    def _sql_acts(each: Acts) -> LedgerActs:
        return each

    def _sql_senders(each: SenderCounts) -> LedgerSenders:
        return each

    def _sql_trusted_senders(each: TrustedSenders) -> LedgerTrustedSenders:
        return each

    def _sql_daily_counts(each: DailyCounts) -> LedgerDailyCounts:
        return each

    def _sql_file_pages(each: FilePages) -> LedgerFilePages:
        return each

    def _sql_keys(each: Keys) -> LedgerKeys:
        return each

    def _sql_operations(each: Operations) -> LedgerOperations:
        return each

    def _sql_uploads(each: Uploads) -> LedgerUploads:
        return each

    def _smtp(each: SmtpNotifier) -> Notifier:
        return each

    def _file(each: FileNotifier) -> Notifier:
        return each

    def _mail_destination(each: MailDestination) -> Destination:
        return each

    def _webhook(each: WebhookDestination) -> Destination:
        return each

    def _https(each: HttpsClient) -> WebhookClient:
        return each

    def _commands(each: LocalCommands) -> Commands:
        return each

    def _command(each: CommandDestination) -> Destination:
        return each
