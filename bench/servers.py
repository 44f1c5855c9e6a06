"""The servers of a run: one broker and bucket, and a fresh BigQuery emulator a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import psutil
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from bench.setting import BUCKET, DATASET, PROJECT
from bench.shapes import Made, Shape
from entrypoints.demo import servers
from entrypoints.demo.servers import S3Endpoint


@dataclass(frozen=True, slots=True)
class Shared:
    """What all measurements of a run use: the broker's address and the S3 server."""

    redis_url: str
    s3: S3Endpoint


@contextmanager
def shared(folder: Path) -> Iterator[Shared]:
    """Start the broker and the S3 server, with an empty bucket."""
    with servers.valkey(folder / "valkey") as redis_url, servers.seaweed(folder / "s3") as s3:
        client(s3).create_bucket(Bucket=BUCKET)
        yield Shared(redis_url, s3)


def client(s3: S3Endpoint) -> Any:
    """A client of the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
    )


def upload(s3: S3Endpoint, made: Made) -> None:
    """Put a shape's files into the bucket, below the shape's name.

    In one piece, and of the type that S3 itself falls back on: what the server takes for text, or
    gets in pieces, it compresses, and unpacking costs it both cores for as long as our work takes.
    """
    bucket = client(s3)
    for path in made.paths:
        with path.open("rb") as body:
            bucket.put_object(
                Bucket=BUCKET,
                Key=f"{made.shape.name}/{path.name}",
                Body=body,
                ContentType="binary/octet-stream",
            )


def clear_answers(s3: S3Endpoint, shape: Shape) -> None:
    """Remove the receipts of an earlier measurement, so that the next one lists as few keys."""
    bucket = client(s3)
    pages = bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{shape.name}/")
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    ours = [key for key in keys if not key.endswith(shape.suffix) or ".rejected." in key]
    for start in range(0, len(ours), 1000):
        some = [{"Key": key} for key in ours[start : start + 1000]]
        bucket.delete_objects(Bucket=BUCKET, Delete={"Objects": some, "Quiet": True})


@dataclass(frozen=True)
class Emulator:
    """A BigQuery emulator and its process."""

    url: str
    process: psutil.Process

    @cached_property
    def client(self) -> bigquery.Client:
        """A client of it."""
        return connect(self.url)

    def cpu_seconds(self) -> float:
        """What it has used of the processors so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def load_jobs(self) -> int:
        """How many load jobs it has been given."""
        jobs = self.client.list_jobs(all_users=True)
        return sum(job.job_type == "load" for job in jobs)

    def count(self, table: str) -> int:
        """The rows of a table of the bench's dataset."""
        name = table if "." in table else f"{DATASET}.{table}"
        sql = f"SELECT COUNT(*) FROM `{PROJECT}.{name}`"
        ((rows,),) = (tuple(row.values()) for row in self.client.query_and_wait(sql))
        return int(rows)


@contextmanager
def emulator(folder: Path) -> Iterator[Emulator]:
    """Start an empty BigQuery emulator that has the bench's dataset."""
    before = {child.pid for child in psutil.Process().children()}
    with servers.bigquery(folder) as url:
        (process,) = (
            child
            for child in psutil.Process().children()
            if child.pid not in before and "local-bigquery" in " ".join(child.cmdline())
        )
        made = Emulator(url, process)
        made.client.create_dataset(DATASET)
        yield made


def connect(url: str) -> bigquery.Client:
    """A client of the emulator at that address."""
    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )


def fields(shape: Shape) -> list[bigquery.SchemaField]:
    """The shape's columns as a BigQuery schema."""
    return [
        bigquery.SchemaField(column.name, column.type, precision=12, scale=2)
        if column.type == "NUMERIC"
        else bigquery.SchemaField(column.name, column.type)
        for column in shape.columns
    ]
