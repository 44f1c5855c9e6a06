"""The front: every request of a BigQuery client, through the rules, to one emulator."""

from __future__ import annotations

import email
import email.policy
import json
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from strict_bigquery.catalog import Catalog
from strict_bigquery.clock import Clock
from strict_bigquery.jobs import Job, Jobs, failed, resource_of
from strict_bigquery.late import begun
from strict_bigquery.loads import check_parquet, check_schema
from strict_bigquery.query import LEAST_BYTES, QueryRules, Verdict
from strict_bigquery.quotas import Quotas
from strict_bigquery.refusal import Refusal
from strict_bigquery.tables import check_dataset, check_labels, check_table
from strict_bigquery.upstream import Answer, Upstream

_PROJECT = re.compile(r"/(?:upload/)?bigquery/v2/projects/([^/]+)/(.*)")
_TABLE = re.compile(r"datasets/([^/]+)/tables(?:/([^/]+))?")
_DATASET = re.compile(r"datasets(?:/([^/]+))?")
_JOB = re.compile(r"(?:jobs|queries)/([^/]+?)(/cancel|/delete)?")


class Front:
    """The rules of one emulator, and what was sent to it."""

    def __init__(self, url: str) -> None:
        self.clock, self.jobs = Clock(), Jobs()
        self.quotas = Quotas(self.clock)
        self._upstream = Upstream(url)
        self._catalog = Catalog(self._upstream.get)
        self._rules = QueryRules(self._catalog)
        self._uploads: dict[str, tuple[Job, Path, str]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="strict-bigquery-")

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, own: str
    ) -> Answer:
        """What the client is answered; `own` is the front's address."""
        url = urlsplit(target)
        match = _PROJECT.fullmatch(url.path)
        try:
            if match is None:
                return self._upstream.send(method, target, headers, body)
            if url.path.startswith("/upload/"):
                return self._upload(method, target, headers, body, match[1], own)
            return self._api(method, target, headers, body, match[1], match[2])
        except Refusal as refusal:
            return _json(refusal.status, refusal.body())

    def crashed(self, project: str, location: str) -> int:
        """End the jobs that the emulator ran when it was killed; how many they were.

        Started again, it says of them for ever that they run. The service would end them with an
        internal error, whether they had committed or not.
        """
        count = 0
        for job in self.jobs.running():
            if not self._ended(project)(job.job_id):
                job.refusal = Refusal("jobInternalError", "The job encountered an error", 500)
                job.resource = failed(job, project, location, job.refusal)
                count += 1
            job.is_done = True
        return count

    # Tables and datasets

    def _api(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        project: str,
        rest: str,
    ) -> Answer:
        creator = headers.get("Authorization", "")
        if method == "POST" and rest in ("jobs", "queries"):
            return self._insert(target, headers, body, project, rest, creator)
        if job := _JOB.fullmatch(rest):
            return self._job(method, target, headers, body, job[1], job[2] is not None, creator)
        if method == "GET":
            return self._upstream.send(method, target, headers, body)
        if table := _TABLE.fullmatch(rest):
            self._table(method, project, table[1], table[2], body)
        elif _DATASET.fullmatch(rest) and body:
            check_dataset(json.loads(body))
        answer = self._upstream.send(method, target, headers, body)
        self._catalog.forget()
        return answer

    def _table(
        self, method: str, project: str, dataset: str, name: str | None, body: bytes
    ) -> None:
        wanted = json.loads(body) if body else {}
        if query := (wanted.get("view") or {}).get("query"):
            self._rules.look({"query": query}, project, len(body))
        if name is None:
            self.quotas.charge_table_insert(project)
            check_table(wanted)
        elif method in ("PATCH", "PUT") and body:
            self.quotas.charge_metadata(f"{project}:{dataset}.{name}")
            path = f"/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{name}"
            check_table(wanted, self._upstream.get(path))

    # Jobs

    def _insert(
        self,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        project: str,
        rest: str,
        creator: str,
    ) -> Answer:
        wanted = json.loads(body)
        is_job = rest == "jobs"
        configuration = wanted["configuration"] if is_job else {**wanted, "query": wanted}
        reference = wanted.get("jobReference") or {}
        job = Job(reference.get("jobId") or secrets.token_hex(8), creator, configuration)
        location = reference.get("location") or wanted.get("location") or "US"
        dry = bool(configuration.get("dryRun"))
        if is_job and self._upstream.get(f"{target.partition('?')[0]}/{job.job_id}"):
            # A repeated id: the emulator answers 409.
            return self._upstream.send("POST", target, headers, body)
        if (known := self.jobs.find(job.job_id, creator)) is not None and known.resource:
            return _duplicate(project, location, job.job_id)
        try:
            check_labels(configuration)
            if "query" in configuration:
                verdict = self._look(job, configuration["query"], project, location, len(body))
                if dry:
                    return self._dry(target, headers, body, verdict)
            elif "load" in configuration:
                self._look_at_load(job, project, None)
            if self.jobs.held and is_job and self.jobs.held.search(job.job_id):
                return self._hold(job, target, headers, wanted, project, location)
            self.jobs.add(job, self._ended(project))
        except Refusal as refusal:
            return self._refused(job, project, location, refusal, is_job and not dry)
        answer = self._upstream.send("POST", target, headers, body)
        if set(job.statements) & _CHANGES_TABLES:
            self._catalog.forget()
        return self._billed(job, answer)

    def _look(
        self, job: Job, query: Mapping[str, Any], project: str, location: str, size: int
    ) -> Verdict:
        verdict = self._rules.look(query, project, size)
        job.mutated, job.statements = verdict.mutated, verdict.statements
        job.bytes_billed = verdict.bytes_billed
        for place in verdict.locations:
            if place.casefold() != location.casefold():
                raise Refusal(
                    "notFound", f"Not found: Dataset {project} was not found in location"
                    f" {location}", 404,
                )  # fmt: skip
        most = query.get("maximumBytesBilled")
        if most is not None and (int(most) < LEAST_BYTES or int(most) < verdict.bytes_billed):
            raise Refusal(
                "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {most}."
                f" {max(verdict.bytes_billed, LEAST_BYTES)} or higher required.",
            )  # fmt: skip
        for table in set(verdict.mutated):
            self.quotas.check_outstanding(table, self.jobs.outstanding(table))
        self.quotas.charge_dml(verdict.written)
        return verdict

    def _look_at_load(self, job: Job, project: str, path: Path | None) -> None:
        load = job.configuration["load"]
        to = load["destinationTable"]
        name = f"{to['projectId']}.{to['datasetId']}.{to['tableId']}"
        table = self._catalog.find(name, project, None)
        self.quotas.charge_load(table.label if table else name, 0)
        check_schema(load.get("schema"), table)
        if path is not None:
            fields = (load.get("schema") or {}).get("fields") or (table.fields if table else [])
            check_parquet(path, fields)
            job.notes["upload_bytes"] = path.stat().st_size

    def _refused(
        self, job: Job, project: str, location: str, refusal: Refusal, as_job: bool
    ) -> Answer:
        """A job that is there and has failed; a dry run and a plain query fail at once."""
        job.refusal, job.is_done = refusal, True
        if not as_job or refusal.status in (403, 404, 413):
            job.job_id = f"{job.job_id} refused {secrets.token_hex(4)}"
            self.jobs.add(job, lambda _: True)
            raise refusal
        job.mutated = ()
        job.resource = failed(job, project, location, refusal)
        self.jobs.add(job, lambda _: True)
        return _json(200, job.resource)

    def _hold(
        self,
        job: Job,
        target: str,
        headers: Mapping[str, str],
        wanted: dict[str, Any],
        project: str,
        location: str,
    ) -> Answer:
        known = self.jobs.records()
        query = wanted["configuration"].get("query")
        if query:
            query["query"] = begun(query["query"], self._asker(project, location, query))

        def go() -> None:
            later = self.jobs.records()[len(known) + 1 :]
            common = [t for each in later for t in each["mutated"] if t in job.mutated]
            if common:
                refusal = Refusal(
                    "invalidQuery", "Transaction is aborted due to concurrent update against table"
                    f" {common[0]}. Transaction ID: {job.job_id}",
                )  # fmt: skip
                job.refusal, job.is_done = refusal, True
                job.resource = failed(job, project, location, refusal)
                return
            job.resource = None
            self._upstream.send("POST", target, headers, json.dumps(wanted).encode())

        job.letting_go, job.resource = go, resource_of(job, project, location, "RUNNING")
        self.jobs.add(job, lambda _: True)
        return _json(200, job.resource)

    def _asker(self, project: str, location: str, query: Mapping[str, Any]) -> Any:
        def ask(sql: str) -> tuple[str, str | None] | None:
            wanted = {
                "query": sql, "useLegacySql": False, "location": location,
                "queryParameters": query.get("queryParameters", []), "parameterMode": "NAMED",
                "timeoutMs": 60_000,
            }  # fmt: skip
            found = self._upstream.post(f"/bigquery/v2/projects/{project}/queries", wanted).json
            if not found.get("jobComplete") or not found.get("rows"):
                return None
            return found["schema"]["fields"][0]["type"], found["rows"][0]["f"][0]["v"]

        return ask

    def _ended(self, project: str) -> Any:
        def ended(job_id: str) -> bool:
            found = self._upstream.get(f"/bigquery/v2/projects/{project}/jobs/{job_id}")
            return found is None or found["status"]["state"] == "DONE"

        return ended

    def _job(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        job_id: str,
        is_act: bool,
        creator: str,
    ) -> Answer:
        job = self.jobs.find(job_id, creator)
        if job is not None and job.resource is not None:
            if is_act:
                return _json(200, {"kind": "bigquery#jobCancelResponse", "job": job.resource})
            if "/queries/" in target:
                if job.refusal is not None:
                    raise job.refusal
                return _json(200, {"jobReference": job.resource["jobReference"],
                                   "jobComplete": False})  # fmt: skip
            return _json(200, job.resource)
        answer = self._upstream.send(method, target, headers, body)
        return answer if job is None or "/queries/" in target else self._billed(job, answer)

    def _billed(self, job: Job, answer: Answer) -> Answer:
        """The emulator bills nothing: the meter's bytes (T10) take the place of its zeros."""
        found = answer.json
        if answer.status != 200 or "statistics" not in found:
            return answer
        if found["status"]["state"] == "DONE":
            job.is_done = True
        if "query" in found["statistics"]:
            billed = str(job.bytes_billed)
            found["statistics"]["totalBytesProcessed"] = billed
            found["statistics"]["query"] |= {
                "totalBytesBilled": billed, "totalBytesProcessed": billed,
            }  # fmt: skip
        return _json(200, found)

    def _dry(
        self, target: str, headers: Mapping[str, str], body: bytes, verdict: Verdict
    ) -> Answer:
        answer = self._upstream.send("POST", target, headers, body)
        job = Job("", "", {}, bytes_billed=verdict.bytes_billed)
        return self._billed(job, answer)

    # Uploads

    def _upload(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        project: str,
        own: str,
    ) -> Answer:
        if method == "PUT":
            return self._piece(target, headers, body, project)
        is_whole = parse_qs(urlsplit(target).query).get("uploadType") == ["multipart"]
        wanted, content = _parts(headers, body) if is_whole else (json.loads(body), b"")
        reference = wanted.get("jobReference") or {}
        job = Job(reference.get("jobId") or secrets.token_hex(8),
                  headers.get("Authorization", ""), wanted["configuration"])  # fmt: skip
        path = Path(self._folder.name) / secrets.token_hex(8)
        location = reference.get("location") or "US"
        if is_whole:
            path.write_bytes(content)
            if (refused := self._refused_upload(job, path, project, location)) is not None:
                return refused
            return self._upstream.send(method, target, headers, body)
        answer = self._upstream.send(method, target, headers, body)
        changed = []
        for name, value in answer.headers:
            if name.lower() == "location":
                there = urlsplit(value)
                self._uploads[f"{there.path}?{there.query}"] = (job, path, location)
                value = f"{own}{there.path}?{there.query}"
            changed.append((name, value))
        return Answer(answer.status, changed, answer.body)

    def _piece(self, target: str, headers: Mapping[str, str], body: bytes, project: str) -> Answer:
        found = self._uploads.get(target)
        if found is not None:
            job, path, location = found
            with path.open("ab") as file:
                file.write(body)
            whole = re.fullmatch(r"bytes (?:\d+-(\d+)|\*)/(\d+)", headers.get("Content-Range", ""))
            if whole and path.stat().st_size == int(whole[2]):
                del self._uploads[target]
                if (refused := self._refused_upload(job, path, project, location)) is not None:
                    return refused
        return self._upstream.send("PUT", target, headers, body)

    def _refused_upload(self, job: Job, path: Path, project: str, location: str) -> Answer | None:
        try:
            check_labels(job.configuration)
            self._look_at_load(job, project, path)
            self.jobs.add(job, lambda _: True)
        except Refusal as refusal:
            return self._refused(job, project, location, refusal, True)
        finally:
            path.unlink(missing_ok=True)
        return None


_CHANGES_TABLES = {
    "CreateTableStatement", "CreateViewStatement", "DropStatement", "AlterTableStatement",
    "CreateSnapshotTableStatement", "AlterViewStatement", "CreateSchemaStatement",
    "CreateTableAsSelectStatement", "RenameStatement",
}  # fmt: skip


def _parts(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, Any], bytes]:
    """The two parts of a multipart/related upload: the job and the file."""
    boundary = email.message_from_string(
        f"Content-Type: {headers['Content-Type']}", policy=email.policy.HTTP
    ).get_boundary()
    parts = body.split(b"--" + (boundary or "").encode())
    (first, second) = (each.partition(b"\r\n\r\n")[2] for each in parts[1:3])
    return json.loads(first), second.removesuffix(b"\r\n")


def _duplicate(project: str, location: str, job_id: str) -> Answer:
    raise Refusal("duplicate", f"Already Exists: Job {project}:{location}.{job_id}", 409)


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(body).encode())
