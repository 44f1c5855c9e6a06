"""The ledger: what is owed, in parts."""

from __future__ import annotations

from typing import Protocol

from connectors.protocols.ledger_acts import (
    LedgerActs,
    LedgerDailyCounts,
    LedgerFilePages,
    LedgerKeys,
    LedgerOperations,
)
from connectors.protocols.ledger_drafts import LedgerDrafts
from connectors.protocols.ledger_feeds import (
    LedgerContractRevisions,
    LedgerDrifts,
    LedgerFeeds,
    LedgerProfiles,
    LedgerUnmatched,
)
from connectors.protocols.ledger_files import (
    LedgerContents,
    LedgerCorrections,
    LedgerFiles,
    LedgerHistory,
    LedgerLeases,
    LedgerMoves,
    LedgerTimelines,
)
from connectors.protocols.ledger_loads import (
    LedgerAfterLoads,
    LedgerBatches,
    LedgerCosts,
    LedgerGenerations,
    LedgerLocks,
    LedgerQuota,
    LedgerRecovery,
)
from connectors.protocols.ledger_senders import (
    LedgerDigests,
    LedgerHolds,
    LedgerPosts,
    LedgerReceiptLinks,
    LedgerReplies,
    LedgerSenders,
    LedgerSentFiles,
    LedgerTrustedSenders,
    LedgerWebhooks,
)
from connectors.protocols.ledger_uploads import LedgerUploads
from connectors.protocols.ledger_watch import (
    LedgerAlerts,
    LedgerMeasures,
    LedgerServices,
    LedgerWorkers,
)


class Ledger(Protocol):
    """What is owed: every file, where it is on its way, and who works on it.

    Each part is a protocol of its own. Every method is one transaction. Times are aware UTC. What a
    method notes, marks or forgets is safe to repeat. All may be called by several threads, and in
    a forked process; besides what each says, they raise RetryableError, AccessDeniedError or
    FatalError when the database does not do its part.
    """

    def migrate(self) -> None:
        """Bring the database to this version's schema; safe to repeat and to run twice at once.

        Raises FatalError for a ledger that a newer Waybill has already migrated further.
        """

    def check(self) -> str:
        """Connect, and say which database and schema version answered.

        Raises FatalError when the schema is not this version's, BusyError when somebody keeps the
        write lock of a database in a file.
        """

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""

    @property
    def files(self) -> LedgerFiles:
        """Files: writing them down and finding them."""

    @property
    def timelines(self) -> LedgerTimelines:
        """What happened to each file, and when."""

    @property
    def contents(self) -> LedgerContents:
        """Which file owns which bytes, so that the same bytes are loaded once a feed."""

    @property
    def corrections(self) -> LedgerCorrections:
        """Files that bring rejected rows of another file corrected."""

    @property
    def leases(self) -> LedgerLeases:
        """Who works on a file, and for how long they may."""

    @property
    def moves(self) -> LedgerMoves:
        """Originals that are answered, and stay until nobody needs them any more."""

    @property
    def history(self) -> LedgerHistory:
        """Files that are through, page by page, and what may be forgotten of them."""

    @property
    def batches(self) -> LedgerBatches:
        """Which files are loaded together."""

    @property
    def after_loads(self) -> LedgerAfterLoads:
        """Which batches the feeds' commands are still to be told of."""

    @property
    def locks(self) -> LedgerLocks:
        """The leases on the warehouse's tables."""

    @property
    def generations(self) -> LedgerGenerations:
        """A number that rises with every batch of a table, kept by ledger and warehouse."""

    @property
    def recovery(self) -> LedgerRecovery:
        """A ledger that has lost files learns of them again from what the warehouse recorded."""

    @property
    def quota(self) -> LedgerQuota:
        """What loads have used of the day's quotas, and which tables pause."""

    @property
    def costs(self) -> LedgerCosts:
        """What the warehouse's jobs were billed for."""

    @property
    def feeds(self) -> LedgerFeeds:
        """Each feed as a whole: its cursor, whether it runs, what it has to load, and what has
        come."""

    @property
    def contracts(self) -> LedgerContractRevisions:
        """The texts of contracts and views that are, and were, in force."""

    @property
    def drifts(self) -> LedgerDrifts:
        """What differs between a feed's files and its contract."""

    @property
    def profiles(self) -> LedgerProfiles:
        """What the columns of a feed's latest files looked like."""

    @property
    def unmatched(self) -> LedgerUnmatched:
        """What lies at sources and no feed takes, in groups."""

    @property
    def holds(self) -> LedgerHolds:
        """Files that wait for a person to let them in, and what each sender has sent a day."""

    @property
    def replies(self) -> LedgerReplies:
        """What senders are told by mail, written down before it is sent and after."""

    @property
    def digests(self) -> LedgerDigests:
        """Replies that wait to be mailed together, one mail a sender."""

    @property
    def sent_files(self) -> LedgerSentFiles:
        """What was attached to mails of ours, by its bytes."""

    @property
    def receipt_links(self) -> LedgerReceiptLinks:
        """The nonce of each file's link to its receipt."""

    @property
    def webhooks(self) -> LedgerWebhooks:
        """To which addresses receipts are posted."""

    @property
    def posts(self) -> LedgerPosts:
        """Receipts on their way to webhooks."""

    @property
    def alerts(self) -> LedgerAlerts:
        """What is the matter, what is over, and which destination has been told."""

    @property
    def workers(self) -> LedgerWorkers:
        """Workers' signs of life."""

    @property
    def services(self) -> LedgerServices:
        """Since when a source or a mail server answers badly, and what it says."""

    @property
    def acts(self) -> LedgerActs:
        """Who did what, for good."""

    @property
    def keys(self) -> LedgerKeys:
        """Keys by which programs are let in."""

    @property
    def operations(self) -> LedgerOperations:
        """Long work that somebody asked for."""

    @property
    def drafts(self) -> LedgerDrafts:
        """Corrections while they are being written."""

    @property
    def daily_counts(self) -> LedgerDailyCounts:
        """What has ended by feed and day."""

    @property
    def senders(self) -> LedgerSenders:
        """What has ended by sender and feed."""

    @property
    def trusted_senders(self) -> LedgerTrustedSenders:
        """Whom somebody trusts for a feed, besides those that the feed names."""

    @property
    def file_pages(self) -> LedgerFilePages:
        """Lists of files, a page at a time."""

    @property
    def measures(self) -> LedgerMeasures:
        """What a monitoring system asks for: files on their way, and how long steps take."""

    @property
    def uploads(self) -> LedgerUploads:
        """What is sent directly, before and after it becomes a file."""
