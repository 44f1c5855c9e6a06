"""dlt, three ways: its CSV reader as documented, its DuckDB reader, and Arrow tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.csv as pacsv
from dlt.common.configuration.specs import GcpServiceAccountCredentials
from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb
from google.auth.credentials import AnonymousCredentials

from bench.peer import Job, serve
from bench.setting import DATASET, PROJECT
from bench.shapes import ARROW

WAYS = ("default", "duckdb", "arrow")


def _anonymous(_: object) -> AnonymousCredentials:
    return AnonymousCredentials()  # type: ignore[no-untyped-call]


def load(job: Job) -> None:
    """Run a pipeline whose extract is `sys.argv[2]`'s."""
    # Google's client looks there for the address of an emulator.
    os.environ["BIGQUERY_EMULATOR_HOST"] = job.endpoint
    # The emulator reads no compressed JSON.
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    # dlt knows no anonymous credentials, and an emulator asks for none.
    GcpServiceAccountCredentials.to_native_credentials = _anonymous  # type: ignore[method-assign, assignment]
    credentials = GcpServiceAccountCredentials(
        project_id=PROJECT, private_key="none", client_email="nobody@example.com"
    )
    pipeline = dlt.pipeline(
        pipeline_name=f"bench_{job.table}",
        pipelines_dir=job.folder,
        destination=dlt.destinations.bigquery(credentials=credentials, location="US"),
        dataset_name=DATASET,
    )
    pipeline.run(_rows(job, sys.argv[2]), table_name=job.table).raise_on_failed_jobs()


def _rows(job: Job, way: str) -> Any:
    folder = Path(job.files[0]).parent
    files = filesystem(bucket_url=folder.as_uri(), file_glob=f"*{job.like.suffix}")
    match way:
        case "default":
            return files | read_csv()
        case "duckdb":
            return files | read_csv_duckdb(use_pyarrow=True)
        case _:
            return dlt.resource(_tables(job), name=job.table)


def _tables(job: Job) -> Iterator[pa.Table]:
    types = {column.name: ARROW[column.type] for column in job.like.columns}
    options = pacsv.ConvertOptions(column_types=types, strings_can_be_null=True)
    for path in job.files:
        yield pacsv.read_csv(path, convert_options=options)


if __name__ == "__main__":
    serve(load)
