"""Waiting for a job of BigQuery whose end cannot be timed: a server of the test's own plays it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.cloud import bigquery

from bigquery_emulator import client_of
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.session import Session

_JOB = {"projectId": "demo", "jobId": "j", "location": "US"}
_REFUSED = {"code": 400, "message": "already closed", "errors": [{"reason": "invalidQuery"}]}


class _EndsAsItIsCancelled(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200, {"jobReference": _JOB, "status": {"state": "DONE"}})

    def do_POST(self) -> None:
        self._answer(400, {"error": _REFUSED})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_job_that_ends_as_it_is_told_to_stop_has_ended() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _EndsAsItIsCancelled) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = client_of(f"http://127.0.0.1:{server.server_port}")
        running = {
            "jobReference": _JOB,
            "status": {"state": "RUNNING"},
            "statistics": {"creationTime": "1000"},
            "configuration": {
                "load": {
                    "destinationTable": {"projectId": "demo", "datasetId": "d", "tableId": "t"}
                }
            },
        }
        job = bigquery.LoadJob.from_api_repr(running, client)
        config = BigQueryConfig(project="demo", location="US")
        Session(client, config).wait(job)
        assert job.state == "DONE"
        server.shutdown()
