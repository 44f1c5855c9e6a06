"""Transform: the feed's own pandas function, with its rows kept traceable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feed import Feed
from pipelines.prepare.decimals import with_decimals
from pipelines.prepare.failed_transform import failed_transform
from schemas.arrow import arrow_schema, to_pandas
from schemas.contract import Contract
from schemas.drift import added_by
from schemas.errors import ContractError, TransformError

if TYPE_CHECKING:
    import pandas as pd

LINE = "_etl_row"


def to_frame(rows: pa.Table, lines: pa.Array) -> pd.DataFrame:
    """The rows as a pandas frame of Arrow-backed columns, indexed by line (`_etl_row`). Decimals in
    it calculate as an analyst expects (`pipelines.prepare.decimals`)."""
    import pandas as pd

    frame = with_decimals(to_pandas(rows))
    frame.index = pd.Index(lines.to_numpy(), name=LINE)
    return frame


def transform_rows(feed: Feed, frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """The feed's transform of the frame as an Arrow table: the contract's columns and `_etl_row`.

    Raises TransformError when the function fails, loses the index that carries the lines, or does
    not bring the contract's columns in their types.
    """
    result = frame if feed.transform is None else _called(feed, frame)
    # A transform knows nothing of columns that drift has added, and may leave them out.
    left_out = [name for name in added_by(contract.version) if name not in result.columns]
    result = result.assign(**dict.fromkeys(left_out))
    missing = [column.name for column in contract.columns if column.name not in result.columns]
    if missing and feed.transform is None:
        raise ContractError(
            f"feed {feed.name}: {contract.name} derives {', '.join(missing)},"
            " but the feed has no transform"
        )
    extra = [str(name) for name in result.columns if str(name) not in _names(contract)]
    if missing or extra:
        raise TransformError(
            f"feed {feed.name}: the transform"
            + (f" does not return {', '.join(missing)}" if missing else "")
            + (" and" if missing and extra else "")
            + (f" returns {', '.join(extra)}, unknown to the contract" if extra else ""),
            hint=f"return the columns of {contract.name}; name new ones in the contract",
        )
    table = _typed(feed, result, contract)
    lines = np.arange(1, len(result) + 1) if feed.makes_rows else result.index.to_numpy()
    return table.append_column(LINE, pa.array(lines, pa.int64()))


def _called(feed: Feed, frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    assert feed.transform is not None
    try:
        result = feed.transform(frame.copy(deep=False))
    except Exception as error:
        raise failed_transform(feed, frame, error) from error
    if not isinstance(result, pd.DataFrame):
        raise TransformError(f"feed {feed.name}: the transform returned no DataFrame")
    if feed.makes_rows:
        if len(result) > len(frame):
            raise TransformError(
                f"feed {feed.name}: the transform returned more rows than it got",
                hint="a transform may drop, change and sum up rows, not multiply them",
            )
        return result
    if not result.index.isin(frame.index).all():
        raise TransformError(
            f"feed {feed.name}: the transform lost the index, so rows cannot be traced to lines",
            hint="keep the frame's index: no reset_index, merge with left_index or join; for sums"
            ' of rows set lineage="file"',
        )
    if not result.index.is_unique:
        raise TransformError(
            f"feed {feed.name}: the transform returned a line more than once",
            hint="a transform may drop and change rows, not multiply them",
        )
    return result


def _typed(feed: Feed, result: pd.DataFrame, contract: Contract) -> pa.Table:
    """The frame's columns in the contract's Arrow types: decimals rounded to its scale, everything
    else as it is."""
    arrays = []
    schema = arrow_schema(contract.columns)
    for field in schema:
        try:
            column = pa.Array.from_pandas(result[field.name])
            if isinstance(column, pa.ChunkedArray):
                column = column.combine_chunks()
            arrays.append(_scaled(column, field.type).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise TransformError(
                f"feed {feed.name}: column {field.name} does not fit {field.type}: {error}",
                hint="round or convert it in the transform",
            ) from error
    return pa.table(arrays, schema=schema)


def _scaled(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Decimals with no more digits behind the point than a column has, rounded half away from zero
    as BigQuery rounds."""
    if not (pa.types.is_decimal(kind) and pa.types.is_decimal(column.type)):
        return column
    if column.type.scale <= kind.scale:
        return column
    return pc.round(column, ndigits=kind.scale, round_mode="half_towards_infinity")


def _names(contract: Contract) -> set[str]:
    return {column.name for column in contract.columns}
