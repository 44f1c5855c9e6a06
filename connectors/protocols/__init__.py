"""What the pipelines ask of the outside world. Every implementation passes the same contract suite.

All of them translate their vendor's exceptions into `schemas.errors` at their edge.
"""

from connectors.protocols.ledger import FeedState, Ledger
from connectors.protocols.outgoing import Destination, Notifier
from connectors.protocols.records import (
    Change,
    Checked,
    FileAudit,
    FoundRow,
    LoadCounts,
    PartitionCount,
)
from connectors.protocols.source import Answering, Source, Surveyed, Vouching, Watched
from connectors.protocols.storage import Storage
from connectors.protocols.warehouse import Warehouse

__all__ = [
    "Answering",
    "Change",
    "Checked",
    "Destination",
    "FeedState",
    "FileAudit",
    "FoundRow",
    "Ledger",
    "LoadCounts",
    "Notifier",
    "PartitionCount",
    "Source",
    "Storage",
    "Surveyed",
    "Vouching",
    "Warehouse",
    "Watched",
]
