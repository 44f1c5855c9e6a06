"""The ledger: every noun's part of it, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from connectors.ledger.acts import Acts
from connectors.ledger.after_loads import AfterLoads
from connectors.ledger.alerts import Alerts
from connectors.ledger.batches import Batches
from connectors.ledger.cleaning import History
from connectors.ledger.config import LedgerConfig
from connectors.ledger.contents import Contents
from connectors.ledger.contract_revisions import ContractRevisions
from connectors.ledger.corrections import Corrections
from connectors.ledger.costs import Costs
from connectors.ledger.daily_counts import DailyCounts
from connectors.ledger.database import Database
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
from connectors.ledger.schema import Schema
from connectors.ledger.sender_counts import SenderCounts
from connectors.ledger.sent_files import SentFiles
from connectors.ledger.services import Services
from connectors.ledger.timelines import Timelines
from connectors.ledger.trusted_senders import TrustedSenders
from connectors.ledger.unmatched import UnmatchedItems
from connectors.ledger.uploads import Uploads
from connectors.ledger.webhooks import Webhooks
from connectors.ledger.workers import Workers


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlLedger:
    """`connectors.protocols.Ledger` on SQLite or PostgreSQL; connects when it is first used.

    What a method promises stands in the protocol of its part.
    """

    def __init__(self, config: LedgerConfig, now: Callable[[], datetime] = _utc_now) -> None:
        database = self.database = Database(config, now)
        self._schema = Schema(database)
        self.feeds = Feeds(database)
        self.files = Files(database)
        self.timelines = Timelines(database)
        self.contents = Contents(database)
        self.corrections = Corrections(database)
        self.leases = Leases(database)
        self.moves = Moves(database)
        self.history = History(database)
        self.batches = Batches(database)
        self.after_loads = AfterLoads(database)
        self.locks = Locks(database)
        self.generations = Generations(database)
        self.recovery = Recovery(database)
        self.quota = Quota(database)
        self.costs = Costs(database)
        self.contracts = ContractRevisions(database)
        self.drifts = Drifts(database)
        self.profiles = FileProfiles(database)
        self.unmatched = UnmatchedItems(database)
        self.holds = Holds(database)
        self.replies = Replies(database)
        self.digests = Digests(database)
        self.sent_files = SentFiles(database)
        self.receipt_links = ReceiptLinks(database)
        self.webhooks = Webhooks(database)
        self.posts = Posts(database)
        self.alerts = Alerts(database)
        self.workers = Workers(database)
        self.services = Services(database)
        self.operations = Operations(database)
        self.keys = Keys(database)
        self.file_pages = FilePages(database)
        self.daily_counts = DailyCounts(database)
        self.senders = SenderCounts(database)
        self.trusted_senders = TrustedSenders(database)
        self.acts = Acts(database)
        self.drafts = Drafts(database)
        self.measures = Measures(database)
        self.uploads = Uploads(database)

    def migrate(self) -> None:
        self._schema.migrate()

    def check(self) -> str:
        return self._schema.check()

    def close(self) -> None:
        self.database.close()
