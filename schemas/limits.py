"""Limits, quotas and retention: how much, how often, how long. The defaults suit a small host."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from schemas.quota import Bucket

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Days = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]

MAX_COLUMNS = 10_000
"""The most columns of a file: one that seems to have more was read with a wrong delimiter."""


class Limits(BaseModel):
    """Bounds that the stages keep. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_bytes: Count = 4 * 1024 * 1024
    """How much text is parsed at once; memory grows with this, never with the file."""
    part_bytes: Count = 64 * 1024 * 1024
    """A plain text file of two such parts or more is prepared in parts, by all workers at once."""
    small_bytes: Count = 1024 * 1024
    """Files up to that are prepared many at a time, unless rules of their feed are about whole
    files."""
    bundle_files: Count = 200
    """The most small files that a task prepares, or files that it acknowledges, at a time."""
    bundle_bytes: Count = 16 * 1024**2
    """The most bytes of small files that a task prepares at a time."""
    bundle_seconds: Seconds = 15
    """A task begins no further file of its bundle after that; the rest goes with another."""
    frame_bytes: Count = 512 * 1024**2
    """The most memory that the good rows of a file may take as one frame of a feed's transform. A
    feed with `chunked=True` gets them in pieces, so that this does not apply."""
    file_bytes: Count = 20 * 1024**3
    """A larger file is quarantined without being read to its end."""
    unpack_ratio: Count = 250
    """A compressed file that unpacks to more than this many times its size is refused."""
    members: Count = 1000
    """The most files in one archive."""
    archive_passwords: SecretStr | None = None
    """Passwords for zip archives that were agreed on with senders, one a line; they are tried in
    turn."""
    workbook_bytes: Count = 512 * 1024**2
    """The most that a workbook may unpack to: a sheet is held in memory."""
    batch_files: Count = 1000
    """The most files in one batch."""
    batch_bytes: Count = 2 * 1024**3
    """The most staged bytes in one batch."""
    batch_seconds: Seconds = 30
    """How long a prepared file waits, at most, for other files of its feed that are still being
    prepared, to share its load job."""
    queued_files: Count = 10_000
    """Discover stops registering new files of a feed while this many are not loaded yet."""
    lease_seconds: Seconds = 60
    """A worker that has not renewed its lease for this long counts as dead."""
    attempts: Count = 5
    """A step that failed this often for an unknown or retryable reason is given up."""
    retry_seconds: Seconds = 5
    """The pause before the second attempt; it doubles with every further one."""
    step_seconds: Seconds = 900
    """How long preparing a file may take, plus `step_mb_seconds` for its size. Then the step is
    killed from outside; after its attempts the file is quarantined. A step that is not about one
    file may take six times as long."""
    step_mb_seconds: Annotated[float, Field(ge=0)] = 20
    """How much longer preparing may take for each megabyte of the file as it was sent (compressed,
    if it is)."""
    recover_seconds: Seconds = 15
    """How often beat looks for work whose lease ran out."""
    survey_seconds: Seconds = 900
    """How often beat looks for what lies in buckets and folders and no feed takes."""
    move_after_days: Days = 7
    """How long an original that is to be moved waits for a feed that is stopped or has not looked
    at it yet. After that it is moved, and an alert says so."""
    thread_replies: Count = 10
    """The most replies in one conversation a day; beyond that, an alert tells a person."""
    address_replies: Count = 500
    """The most replies to one address a day."""
    partitions: Count = 4000
    """The most partitions one file may touch; no more than the warehouse takes in one job."""
    receipt_examples: Count = 5
    """How many examples of each broken rule a receipt shows."""
    digest_files: Count = 100
    """The most files in one digest mail; more go into another."""

    @property
    def passwords(self) -> tuple[str, ...]:
        """The archive passwords; none if there are none."""
        secret = self.archive_passwords.get_secret_value() if self.archive_passwords else ""
        return tuple(line for line in secret.splitlines() if line)


class Quotas(BaseModel):
    """What loading may use of BigQuery's daily quotas.

    BigQuery allows 1,500 load jobs a table and day, and failed ones count. This limit cannot be
    reached: every attempt at a batch has staging tables of its own, and each takes one load job.
    The project's limit of 100,000 load jobs can be reached, and all users of the project share it.
    The transaction is DML, which counts neither as a load job nor as a partition modification.
    Waybill still limits load jobs and partition changes for each target table. So a busy feed can
    neither use up the project's load jobs nor rewrite the partitions of its table all day. Where a
    table needs more batches a day, raise these figures. Sources:
    https://cloud.google.com/bigquery/quotas (load jobs, partitioned tables, tables),
    https://cloud.google.com/bigquery/docs/optimize-load-jobs#table_operations_excluded_from_quota
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table_load_jobs: Count = 1500
    """Load jobs for one table a day, those that fail included."""
    project_load_jobs: Count = 100_000
    """Load jobs of the project a day. BigQuery refills them evenly, and not at midnight."""
    load_burst: Count = 1_000
    """How many load jobs may be saved up for a rush."""
    commits_a_second: Annotated[float, Field(gt=0)] = 2.5
    """Transactions of all tables: each writes one row into `etl_meta.commits`, and BigQuery takes
    25 DML statements in ten seconds for a table."""
    partition_changes: Count = 30_000
    """Partitions of one table that batches change a day, each counted once a batch."""
    share: Share = 0.9
    """The share of these quotas that Waybill may use; the rest is for others, and a reserve."""
    spread_from: Share = 0.5
    """Once less than this share of a day's quota is left, batches are spread over the rest of the
    day: they become larger and rarer."""
    throttled_seconds: Seconds = 600
    """How long a table's loads pause once BigQuery says `quotaExceeded`: Google asks for ten
    minutes or longer, https://cloud.google.com/bigquery/docs/troubleshoot-quotas"""

    @property
    def load_bucket(self) -> Bucket:
        """Our share of the project's load jobs, as they refill."""
        return Bucket(
            name="load_jobs",
            capacity=self.load_burst * self.share,
            per_second=self.project_load_jobs * self.share / 86_400,
        )

    @property
    def commit_bucket(self) -> Bucket:
        """Our share of the transactions that may run."""
        # What is saved up and what refills in ten seconds must together be allowed in them.
        each = self.commits_a_second * self.share
        return Bucket(name="commits", capacity=max(1.0, each), per_second=each)


class Retention(BaseModel):
    """How long to keep what is done; None means for ever. Nothing that is still needed is removed,
    however old: a file that is not done, what it refers to, a rejected row not yet answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    landing_days: Days | None = 365
    """Raw files, counted from when the last file with these bytes was done. Without its raw file, a
    file cannot be replayed or explained line by line, and is retried from its source."""
    staged_days: Days | None = 7
    """Staged rows, and what interrupted attempts left behind."""
    rejects_days: Days | None = 90
    """Rejected rows in storage, which `waybill show` reads; those in the warehouse stay."""
    receipts_days: Days | None = None
    """Receipts beside the drop. Mailed receipts are not removed."""
    uploads_days: Days | None = 7
    """For how long the same Idempotency-Key means the same upload. An upload that nobody completes,
    and a check whose file nobody sends, are removed after a day."""
    timelines_days: Days | None = 180
    """The timelines of files, alerts that are over, and the record of billed jobs."""
    files_days: Days | None = None
    """The ledger's rows of files. A file that the source still lists keeps its row, and so do all
    files of a mailbox: without the row, the file would be new."""
    clean_seconds: Seconds = 3600
    """How often beat cleans."""
    clean_files: Count = 1000
    """How many files of each kind one step cleans."""


class AlertRules(BaseModel):
    """When something is a person's business."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_days: Days = 7
    """For how long a quarantined, failed or held file is an alert; `waybill files` lists older
    ones."""
    quota_share: Share = 0.8
    """The share of a day's quota of loads from which on its use is an alert."""
    worker_seconds: Seconds = 90
    """A worker that has not reported for this long counts as dead; a worker that lives reports
    three times in it."""
    away_minutes: Count = 15
    """For how long a source cannot be listed, a mail not sent or a receipt not left before that is
    an alert."""
    every_seconds: Seconds = 60
    """How often beat looks."""
