"""Files that are staged together: each as if it had been staged alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import Feed
from pipelines.drift.detector import FeedHistory
from pipelines.prepare.stage_bundle import BundleStager, StagedSmall
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from pipelines.rejects.table import read_rejects, write_bundle_rejects
from schemas.arrow import FILE
from schemas.batch import WriteMode
from schemas.contract import (
    Column,
    Contract,
    DriftPolicy,
    Expectation,
    TimePartition,
    Type,
)
from schemas.drift import KEPT_PROFILES, Profile
from schemas.errors import DataError
from schemas.limits import Limits

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONTRACT = Contract(
    name="t",
    version="1",
    table="t",
    columns=(
        Column(name="id", type=Type.STRING, required=True),
        Column(name="day", type=Type.DATE),
        Column(name="n", type=Type.INT64),
        Column(name="price", type=Type.NUMERIC, precision=12, scale=2),
    ),
    primary_key=("id",),
    partition=TimePartition(column="day"),
    expectations=(
        Expectation(
            type="expect_column_values_to_be_between", kwargs={"column": "n", "max_value": 90}
        ),
        Expectation(
            type="expect_column_values_to_be_between",
            kwargs={"column": "price", "max_value": 5},
            severity="warning",
        ),
    ),
    reject_threshold=0.7,
)
HISTORY = FeedHistory(
    profiles={"n": tuple(Profile(count=50, low=1.0, median=2.0, high=3.0) for _ in range(4))}
)
rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", "", "é", '"q,q"']),
        st.sampled_from(["2026-11-01", "2026-11-02", "", "2026-02-30", "1.11.2026"]),
        st.sampled_from(["1", "2", "91", "x", "", " 7 "]),
        st.sampled_from(["1.50", "1.999", "9", "", "1,5"]),
    ).map(",".join),
    max_size=25,
)
clean = st.lists(
    st.integers(1, 90).map(lambda n: f"k{n},2026-11-{n % 28 + 1:02},{n},1.{n:02}"),
    max_size=30,
    unique=True,
)
headers = st.sampled_from(
    ["id,day,n,price"] * 6
    + ["ID,Day,N,Price", "price,n,day,id", "id,day,n", "id,day,n,price,more", "day,n", "", "x;y"]
)
odd = st.sampled_from(
    [
        "",
        "\n\n",
        "a,2026-11-01,1\n",
        "a,2026-11-01,1,2,3\n",
        "id,day,n,price\n",
        '"open\n',
        "\x00\n",
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = [draw(headers), *draw(clean | rows)]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    bom = draw(st.sampled_from(["", "", "\ufeff"]))
    return bom + end.join(lines) + draw(st.sampled_from(["", end])) + draw(odd | st.just(""))


def told(found: Staged | DataError) -> Any:
    """All that is known of a file but where its rows are."""
    if isinstance(found, DataError):
        return (type(found), found.render(), found.accounted, getattr(found, "drift", ()))
    return replace(found, rows=(), rejects=Path(), size=0, profiles={})


def rejected(staged: Staged, path: Path, file_id: str = "") -> Any:
    if not staged.counts.rejected:
        return []
    found = read_rejects(path, file_id)
    return [found.header, found.line_end, *found.rows]


def alone(path: Path, terms: Terms, folder: Path) -> Staged | DataError:
    folder.mkdir()
    try:
        return stage_file(path, terms, folder)
    except DataError as error:
        return error


def check(
    made: Mapping[str, str], contract: Contract, folder: Path, mode: WriteMode = WriteMode.APPEND
) -> None:
    feed = Feed(name="t", source="s", match="*", contract="t", write=mode)
    terms = Terms.of("", feed, contract, Limits(), NOW, memory=HISTORY)
    paths = {}
    for file_id, text in made.items():
        paths[file_id] = folder / file_id
        paths[file_id].write_bytes(text.encode())
    (folder / "b").mkdir()
    bundle = BundleStager(terms, folder / "b").stage(paths)
    assert bundle.files.keys() == made.keys()
    bad: dict[str, pa.Table] = {}
    # Each is compared with what was staged before it, in a bundle as one by one.
    profiles = {name: [*before] for name, before in HISTORY.profiles.items()}
    for file_id, found in bundle.files.items():
        memory = replace(HISTORY, profiles=profiles)
        one = replace(terms, file_id=file_id, memory=memory)
        wanted = alone(paths[file_id], one, folder / f"{file_id}-alone")
        if isinstance(found, DataError) or isinstance(wanted, DataError):
            assert told(found if isinstance(found, DataError) else found.staged) == told(wanted)
            continue
        assert told(found.staged) == told(wanted)
        assert found.profiles == wanted.profiles
        for name, profile in wanted.profiles.items():
            profiles[name] = [profile, *profiles.get(name, ())][:KEPT_PROFILES]
        own = found.rows if found.rows is not None else of_file(bundle.rows, file_id)
        assert own.equals(pq.read_table(wanted.rows[0]).cast(own.schema))
        if found.rejects is not None:
            bad[file_id] = found.rejects
    if bad:
        write_bundle_rejects(bad, folder / "rejects.parquet")
    for file_id, found in bundle.files.items():
        if isinstance(found, StagedSmall):
            wanted_path = folder / f"{file_id}-alone" / "rejects.parquet"
            assert rejected(found.staged, folder / "rejects.parquet", file_id) == rejected(
                found.staged, wanted_path
            )


def of_file(table: pa.Table, file_id: str) -> pa.Table:
    return table.filter(pa.compute.equal(table.column(FILE), file_id))


@pytest.mark.parametrize("drift", list(DriftPolicy))
@pytest.mark.parametrize("mode", [WriteMode.APPEND, WriteMode.MERGE])
@given(made=st.lists(texts(), min_size=1, max_size=6))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_file_among_others_is_what_it_is_alone(
    made: list[str], drift: DriftPolicy, mode: WriteMode, tmp_path_factory: pytest.TempPathFactory
) -> None:
    contract = replace(CONTRACT, drift=drift)
    files = {f"f{number}": text for number, text in enumerate(made)}
    check(files, contract, tmp_path_factory.mktemp("bundle"), mode)


def test_only_files_with_something_to_be_said_are_staged_alone(tmp_path: Path) -> None:
    good, bad = "id,day,n,price\na,2026-11-01,1,1\n", "id,day,n,price\na,2026-11-01,x,1\n"
    feed = Feed(name="t", source="s", match="*", contract="t")
    terms = Terms.of("", feed, replace(CONTRACT, reject_threshold=1.0), Limits(), NOW)
    paths = {}
    mixed = bad + "c,2026-11-01,1,1\n"
    for name, text in {"f1": good, "f2": mixed, "f3": good.replace("a,", "b,")}.items():
        paths[name] = tmp_path / name
        paths[name].write_text(text)
    bundle = BundleStager(terms, tmp_path).stage(paths)
    assert bundle.rows.column(FILE).to_pylist() == ["f1", "f3"]
    small = bundle.files["f2"]
    assert isinstance(small, StagedSmall)
    assert small.rejects is not None
    assert (small.staged.counts.rejected, small.rejects.num_rows) == (1, 1)
    assert small.rows is not None
    assert small.staged.size == small.rows.nbytes  # by which batches are bounded
