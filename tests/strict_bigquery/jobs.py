"""Jobs as the front remembers them: whose they are, what they said, which run at once (T5, T9).

A job can be held: it then stays RUNNING, whatever it is told, and runs once it is let go. So a job
that was given up as lost commits late.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strict_bigquery.refusal import Refusal


@dataclass(slots=True)
class Job:
    """One job."""

    job_id: str
    creator: str
    configuration: Mapping[str, Any]
    mutated: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    bytes_billed: int = 0
    is_done: bool = False
    resource: dict[str, Any] | None = None
    """What the front itself answers for it: it has failed, or is held."""
    letting_go: Callable[[], None] | None = None
    refusal: Refusal | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """What a test may know of it."""
        return {
            "job_id": self.job_id, "configuration": self.configuration,
            "statements": self.statements, "bytes_billed": self.bytes_billed,
            "mutated": self.mutated, "error": self.refusal.error() if self.refusal else None,
            "held": self.letting_go is not None, **self.notes,
        }  # fmt: skip


class Jobs:
    """The jobs of one emulator."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self.held: re.Pattern[str] | None = None

    def find(self, job_id: str, creator: str) -> Job | None:
        """The job; raises Refusal for somebody else's."""
        job = self._jobs.get(job_id)
        if job is not None and job.creator != creator:
            raise Refusal(
                "accessDenied", f"Access Denied: Job {job_id}: User does not have"
                f" bigquery.jobs.get permission for job {job_id}.", 403,
            )  # fmt: skip
        return job

    def add(self, job: Job, is_done: Callable[[str], bool]) -> None:
        """Remember a job that is about to run; raises Refusal if it changes rows of a table that
        another transaction is changing."""
        with self._lock:
            if job.mutated:
                self._conflict(job, is_done)
            self._jobs[job.job_id] = job

    def outstanding(self, table: str) -> int:
        """How many jobs that change rows of the table have not ended."""
        with self._lock:
            return sum(table in each.mutated and not each.is_done for each in self._jobs.values())

    def running(self) -> list[Job]:
        """The jobs that are not known to have ended, but those that are held."""
        with self._lock:
            return [
                each for each in self._jobs.values() if not each.is_done and each.resource is None
            ]

    def records(self) -> list[dict[str, Any]]:
        """All jobs, oldest first."""
        with self._lock:
            return [each.record() for each in self._jobs.values()]

    def let_go(self) -> int:
        """Run every held job; how many there were."""
        with self._lock:
            self.held = None
            held = [each for each in self._jobs.values() if each.letting_go is not None]
        for job in held:
            assert job.letting_go is not None
            going, job.letting_go = job.letting_go, None
            going()
        return len(held)

    def _conflict(self, job: Job, is_done: Callable[[str], bool]) -> None:
        for other in self._jobs.values():
            if other.is_done or other.letting_go is not None:
                continue
            common = set(other.mutated) & set(job.mutated)
            if not common:
                continue
            if is_done(other.job_id):
                other.is_done = True
                continue
            raise Refusal(
                "invalidQuery", "Transaction is aborted due to concurrent update against table"
                f" {sorted(common)[0]}. Transaction ID: {job.job_id}",
            )  # fmt: skip


def failed(job: Job, project: str, location: str, refusal: Refusal) -> dict[str, Any]:
    """The resource of a job that has failed at once."""
    found = resource_of(job, project, location, "DONE")
    found["status"] |= {"errorResult": refusal.error(), "errors": [refusal.error()]}
    return found


def resource_of(job: Job, project: str, location: str, state: str) -> dict[str, Any]:
    """The resource of a job that the emulator does not know."""
    now = str(int(time.time() * 1000))
    reference = {"projectId": project, "jobId": job.job_id, "location": location}
    found: dict[str, Any] = {
        "kind": "bigquery#job",
        "id": f"{project}:{location}.{job.job_id}",
        "jobReference": reference,
        "configuration": dict(job.configuration),
        "status": {"state": state},
        "statistics": {"creationTime": now, "startTime": now},
    }
    if state == "DONE":
        found["statistics"]["endTime"] = now
    return found
