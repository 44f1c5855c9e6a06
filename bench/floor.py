"""The floor: pyarrow from CSV to Parquet, and one load job; nothing is checked or remembered."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from google.cloud import bigquery

from bench.peer import Job, serve
from bench.servers import connect, fields
from bench.setting import DATASET
from bench.shapes import ARROW


def load(job: Job) -> None:
    """Read the files, write one Parquet file, load it."""
    types = {column.name: ARROW[column.type] for column in job.like.columns}
    options = pacsv.ConvertOptions(column_types=types, strings_can_be_null=True)
    tables = [pacsv.read_csv(path, convert_options=options) for path in job.files]
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    pq.write_table(pa.concat_tables(tables), path)
    settings = bigquery.LoadJobConfig(
        schema=fields(job.like), source_format=bigquery.SourceFormat.PARQUET
    )
    with path.open("rb") as stream:
        connect(job.endpoint).load_table_from_file(
            stream, f"{DATASET}.{job.table}", size=path.stat().st_size, job_config=settings
        ).result()


if __name__ == "__main__":
    serve(load)
