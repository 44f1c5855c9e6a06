"""What the pipelines ask of the outside world. Every implementation passes the same contract suite.

All of them translate their vendor's exceptions into `schemas.errors` at their edge.
"""

from connectors.protocols.ledger import Ledger
from connectors.protocols.ledger_acts import (
    LedgerActs,
    LedgerDailyCounts,
    LedgerFilePages,
    LedgerKeys,
    LedgerOperations,
)
from connectors.protocols.ledger_drafts import LedgerDrafts
from connectors.protocols.ledger_feeds import (
    FeedState,
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
from connectors.protocols.outgoing import Commands, Destination, Notifier, WebhookClient
from connectors.protocols.records import (
    Change,
    Checked,
    FileAudit,
    FoundRow,
    LoadCounts,
    PartitionCount,
)
from connectors.protocols.source import (
    Answering,
    FetchesMany,
    FinishesMany,
    Hinted,
    Source,
    Surveyed,
    Vouching,
    Watched,
    Withdraws,
)
from connectors.protocols.storage import OffersParts, Storage, TakesParts
from connectors.protocols.warehouse import PreloadsParts, Warehouse
from schemas.capabilities import Capabilities

__all__ = [
    "Answering",
    "Capabilities",
    "Change",
    "Checked",
    "Commands",
    "Destination",
    "FeedState",
    "FetchesMany",
    "FileAudit",
    "FinishesMany",
    "FoundRow",
    "Hinted",
    "Ledger",
    "LedgerActs",
    "LedgerAfterLoads",
    "LedgerAlerts",
    "LedgerBatches",
    "LedgerContents",
    "LedgerContractRevisions",
    "LedgerCorrections",
    "LedgerCosts",
    "LedgerDailyCounts",
    "LedgerDigests",
    "LedgerDrafts",
    "LedgerDrifts",
    "LedgerFeeds",
    "LedgerFilePages",
    "LedgerFiles",
    "LedgerGenerations",
    "LedgerHistory",
    "LedgerHolds",
    "LedgerKeys",
    "LedgerLeases",
    "LedgerLocks",
    "LedgerMeasures",
    "LedgerMoves",
    "LedgerOperations",
    "LedgerPosts",
    "LedgerProfiles",
    "LedgerQuota",
    "LedgerReceiptLinks",
    "LedgerRecovery",
    "LedgerReplies",
    "LedgerSenders",
    "LedgerSentFiles",
    "LedgerServices",
    "LedgerTimelines",
    "LedgerTrustedSenders",
    "LedgerUnmatched",
    "LedgerUploads",
    "LedgerWebhooks",
    "LedgerWorkers",
    "LoadCounts",
    "Notifier",
    "OffersParts",
    "PartitionCount",
    "PreloadsParts",
    "Source",
    "Storage",
    "Surveyed",
    "TakesParts",
    "Vouching",
    "Warehouse",
    "Watched",
    "WebhookClient",
    "Withdraws",
]
