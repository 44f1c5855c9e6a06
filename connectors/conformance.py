"""Conformance: every connector as what it is for, so that mypy says which method one lacks.

Nothing here runs, nor is it imported by what runs: a function that returns its argument as a
protocol type-checks only if the argument's class has all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.alerts import CommandDestination, MailDestination, WebhookDestination
    from connectors.bigquery import BigQueryWarehouse
    from connectors.folder import FolderSource
    from connectors.ledger import SqlLedger
    from connectors.mailbox.bucket import MailBucketSource
    from connectors.mailbox.source import MailboxSource
    from connectors.objects.storage import ObjectStorage
    from connectors.protocols import (
        Answering,
        Destination,
        Ledger,
        Notifier,
        Source,
        Storage,
        Surveyed,
        Vouching,
        Warehouse,
        Watched,
    )
    from connectors.s3.source import S3Source
    from connectors.smtp.notifier import FileNotifier, SmtpNotifier

    def _folder(each: FolderSource) -> Source:
        return each

    def _folder_is_surveyed(each: FolderSource) -> Surveyed:
        return each

    def _s3(each: S3Source) -> Source:
        return each

    def _s3_is_surveyed(each: S3Source) -> Surveyed:
        return each

    def _mailbox(each: MailboxSource) -> Source:
        return each

    def _mailbox_is_watched(each: MailboxSource) -> Watched:
        return each

    def _mailbox_answers(each: MailboxSource) -> Answering:
        return each

    def _mailbox_vouches(each: MailboxSource) -> Vouching:
        return each

    def _mail_bucket(each: MailBucketSource) -> Source:
        return each

    def _mail_bucket_answers(each: MailBucketSource) -> Answering:
        return each

    def _mail_bucket_vouches(each: MailBucketSource) -> Vouching:
        return each

    def _objects(each: ObjectStorage) -> Storage:
        return each

    def _bigquery(each: BigQueryWarehouse) -> Warehouse:
        return each

    def _sql(each: SqlLedger) -> Ledger:
        return each

    def _smtp(each: SmtpNotifier) -> Notifier:
        return each

    def _file(each: FileNotifier) -> Notifier:
        return each

    def _mail_destination(each: MailDestination) -> Destination:
        return each

    def _webhook(each: WebhookDestination) -> Destination:
        return each

    def _command(each: CommandDestination) -> Destination:
        return each
