"""The ledger's tables, as the newest migration leaves them.

No query may grow with history, so what is still owed is found through partial indexes. A database
uses a partial index only for a query that repeats its condition: `OWED`, `PREPARED`, `WAITING`,
`NOTED`, `OPEN` and the others are those conditions, written out because a bound parameter would
not match.
"""

from connectors.ledger.tables.acts import acts, daily_counts, keys, operations
from connectors.ledger.tables.alerts import alerts, deliveries, services, workers
from connectors.ledger.tables.conditions import (
    ALERT_DISMISSED,
    BATCHED,
    BUNDLED,
    CORRECTING,
    COVERED,
    DIGESTED,
    DONE,
    DRAFTED,
    GROUPED,
    HELD,
    IN_FORCE,
    LANDED,
    NOTED,
    OPEN,
    OWED,
    PREPARED,
    REPEATS,
    RESOLVED,
    SUPERSEDED,
    UNFINISHED,
    UNPOSTED,
    UNRELEASED,
    UNRESOLVED,
    UNRUN,
    WAITING,
)
from connectors.ledger.tables.contracts import contract_revisions
from connectors.ledger.tables.drafts import draft_cells, drafts
from connectors.ledger.tables.drifts import drifts, profiles, sightings, unmatched
from connectors.ledger.tables.feeds import cleaned, feeds, generations, moves, table_locks
from connectors.ledger.tables.files import after_loads, batches, contents, events, files
from connectors.ledger.tables.metadata import metadata
from connectors.ledger.tables.quota import buckets, charges, costs, pauses
from connectors.ledger.tables.senders import (
    admissions,
    holds,
    posts,
    receipt_links,
    replies,
    sender_counts,
    sent_files,
    trusted_senders,
    webhooks,
)
from connectors.ledger.tables.uploads import uploads

__all__ = [
    "ALERT_DISMISSED",
    "BATCHED",
    "BUNDLED",
    "CORRECTING",
    "COVERED",
    "DIGESTED",
    "DONE",
    "DRAFTED",
    "GROUPED",
    "HELD",
    "IN_FORCE",
    "LANDED",
    "NOTED",
    "OPEN",
    "OWED",
    "PREPARED",
    "REPEATS",
    "RESOLVED",
    "SUPERSEDED",
    "UNFINISHED",
    "UNPOSTED",
    "UNRELEASED",
    "UNRESOLVED",
    "UNRUN",
    "WAITING",
    "acts",
    "admissions",
    "after_loads",
    "alerts",
    "batches",
    "buckets",
    "charges",
    "cleaned",
    "contents",
    "contract_revisions",
    "costs",
    "daily_counts",
    "deliveries",
    "draft_cells",
    "drafts",
    "drifts",
    "events",
    "feeds",
    "files",
    "generations",
    "holds",
    "keys",
    "metadata",
    "moves",
    "operations",
    "pauses",
    "posts",
    "profiles",
    "receipt_links",
    "replies",
    "sender_counts",
    "sent_files",
    "services",
    "sightings",
    "table_locks",
    "trusted_senders",
    "unmatched",
    "uploads",
    "webhooks",
    "workers",
]
