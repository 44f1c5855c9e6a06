"""T6: limits by the clock, as https://cloud.google.com/bigquery/quotas has them.

Each `charge_…` raises the Refusal that the service answers with once a limit is reached.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable

from strict_bigquery.clock import Clock
from strict_bigquery.refusal import Refusal

DML_OF_TABLE = (25, 10.0)
METADATA_OF_TABLE = (5, 10.0)
PARTITIONS_OF_TABLE = (50, 10.0)
TABLE_INSERTS = (10, 1.0)
LOADS_OF_TABLE_A_DAY = 1_500
LOADS_OF_PROJECT_A_DAY = 100_000
BURST_OF_LOADS = 1_000
"""How many load jobs a project may have saved up: the day's share refills evenly."""
MUTATING_QUEUED = 20
_DAY = 86_400.0
_MORE = "For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas"


class Quotas:
    """What has been used, by table and by project."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._used: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._loads, self._filled = float(BURST_OF_LOADS), clock.now()

    def charge_dml(self, tables: Iterable[str]) -> None:
        """One DML statement for each of the tables."""
        for table in tables:
            self._charge(
                ("dml", table), DML_OF_TABLE, "Exceeded rate limits: too many DML statements for"
                " this table.",
            )  # fmt: skip

    def charge_metadata(self, table: str) -> None:
        """One change of a table's metadata."""
        self._charge(
            ("metadata", table), METADATA_OF_TABLE, "Exceeded rate limits: too many table update"
            " operations for this table.",
        )  # fmt: skip

    def charge_table_insert(self, project: str) -> None:
        """One tables.insert."""
        self._charge(
            ("insert", project), TABLE_INSERTS, "Exceeded rate limits: too many api requests per"
            " user per method for this user_method.",
        )  # fmt: skip

    def charge_load(self, table: str, partitions: int) -> None:
        """One load job into a table, which changes so many partitions of it."""
        with self._lock:
            now = self._clock.now()
            share = LOADS_OF_PROJECT_A_DAY / _DAY
            gained = (now - self._filled) * share
            self._loads = min(float(BURST_OF_LOADS), self._loads + gained)
            self._filled = now
            if self._loads < 1:
                raise Refusal(
                    "quotaExceeded", "Quota exceeded: Your project exceeded quota for imports per"
                    f" project. {_MORE}", 403,
                )  # fmt: skip
            self._loads -= 1
        self._charge(
            ("load", table), (LOADS_OF_TABLE_A_DAY, _DAY), "Quota exceeded: Your table exceeded"
            " quota for imports or query appends per table.", "quotaExceeded",
        )  # fmt: skip
        for _ in range(partitions):
            self._charge(
                ("partition", table), PARTITIONS_OF_TABLE, "Exceeded rate limits: too many"
                " partitioned table update operations for this table.",
            )  # fmt: skip

    def check_outstanding(self, table: str, running: int) -> None:
        """Refuse one more mutating statement when so many already wait for the table."""
        if running > MUTATING_QUEUED:
            raise Refusal(
                "resourcesExceeded", "Resources exceeded during query execution: Too many DML"
                f" statements outstanding against table {table}, limit is {MUTATING_QUEUED}.",
            )  # fmt: skip

    def _charge(
        self,
        key: tuple[str, str],
        limit: tuple[int, float],
        message: str,
        reason: str = "rateLimitExceeded",
    ) -> None:
        most, seconds = limit
        with self._lock:
            now, used = self._clock.now(), self._used[key]
            while used and used[0] <= now - seconds:
                used.popleft()
            if len(used) >= most:
                raise Refusal(reason, f"{message} {_MORE}", 403)
            used.append(now)
