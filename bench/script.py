"""The script: what an engineer writes in a day with pandas, Great Expectations and the client."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pandas as pd
from google.cloud import bigquery

from bench.peer import Job, serve
from bench.servers import connect
from bench.setting import DATASET
from bench.shapes import Shape

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def load(job: Job) -> None:
    """Read, check and load one frame; raises ValueError if an expectation is broken."""
    shape = job.like
    text = {column.name: str for column in shape.columns if column.type == "STRING"}
    dates = [column.name for column in shape.columns if column.type in ("DATE", "TIMESTAMP")]
    frames = [pd.read_csv(path, dtype=text, parse_dates=dates) for path in job.files]
    frame = pd.concat(frames, ignore_index=True)
    batch = _batch_definition().get_batch({"dataframe": frame})
    result = batch.validate(_suite(shape))
    if not result.success:
        raise ValueError(str(result))
    settings = bigquery.LoadJobConfig(schema=_fields(shape))
    connect(job.endpoint).load_table_from_dataframe(
        frame, f"{DATASET}.{job.table}", job_config=settings
    ).result()


def _fields(shape: Shape) -> list[bigquery.SchemaField]:
    """pandas reads amounts as floats, and floats do not fit NUMERIC."""
    return [
        bigquery.SchemaField(column.name, "FLOAT64" if column.type == "NUMERIC" else column.type)
        for column in shape.columns
    ]


@cache
def _batch_definition() -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("orders")
    return asset.add_batch_definition_whole_dataframe("all")


def _suite(shape: Shape) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return gx.ExpectationSuite(
        name=shape.name,
        expectations=[
            ExpectationConfiguration(
                type=rule.type, kwargs={"column": rule.column, **rule.arguments}
            ).to_domain_obj()
            for rule in shape.rules
        ],
    )


if __name__ == "__main__":
    serve(load)
