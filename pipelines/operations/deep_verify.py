"""Deep verification: the table against the raw files themselves, and the ledger against the source.

Nothing here is taken from what was recorded at loading but which files are in force and in what
order. Records of a raw file are counted by another reader, its rows are prepared anew, and what
the table should hold of it follows from the rule.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isclose, isfinite, isnan
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.failure import sentence_of
from pipelines.load.restage import terms_again
from pipelines.operations.expected_rows import ExpectedTable
from pipelines.operations.raw_records import records_in
from pipelines.operations.verify import Difference
from pipelines.prepare.stage_file import stage_file
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from schemas.batch import WriteMode
from schemas.checksum import FileSums, Measure, Sum, measured
from schemas.contract import Contract
from schemas.drift import base_of
from schemas.errors import ContractError, DataError, WaybillError
from schemas.file import File
from schemas.odcs.texts import read_text
from schemas.recorded import Recorded

log = logging.getLogger(__name__)

_JUST_ARRIVED = timedelta(minutes=15)
_PAGE = 1000
_ADDED = dict.fromkeys(Measure, "sum") | {Measure.PRESENT: "values"}


@dataclass(frozen=True, kw_only=True, slots=True)
class NotLookedInto:
    """A file in force that could not be prepared anew, and why: what lies below it is not judged
    either, where files take rows from each other. `is_fault` says that this is no state of the
    file, but an error that nobody foresaw."""

    file_id: str
    name: str
    why: str
    is_fault: bool = False


def deep(
    runtime: Runtime, feed: str, checked: Callable[[str], None] = lambda name: None
) -> Iterator[Difference | NotLookedInto]:
    """Every difference between the feed's table and what its raw files make of it. Loads nothing;
    reads every raw file in force and most of the table. Raises what the parts raise."""
    contract = runtime.contract_of(runtime.feeds[feed])
    table = runtime.warehouse.table_id(contract)
    recorded = [each for each in runtime.warehouse.recorded(table) if each.feed == feed]
    yield from _twice(runtime, feed, table, recorded)
    there = {each.file_id: each for each in runtime.warehouse.sums(contract)}
    expected = ExpectedTable(contract, runtime.feeds[feed].mode)
    in_force = sorted((each for each in recorded if each.in_force), key=_order, reverse=True)
    known = {
        file.file_id: file for file in runtime.ledger.files.many([e.file_id for e in in_force])
    }
    sure, texts = True, _texts(runtime, feed)
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="verify-") as name:
        for each in in_force:
            checked(each.name)
            file = known.get(each.file_id)
            if file is None:
                sure = False
                yield Difference(
                    table=table, file_id=each.file_id, name=None,
                    figure="known to the ledger", expected=1, found=0,
                )  # fmt: skip
                continue
            folder = Path(name) / each.file_id
            folder.mkdir()
            try:
                rows = _again(runtime, file, contract, texts, folder)
                found = [*_lines(table, file, folder / "raw", contract)]
                should = expected.of(file.file_id, file.corrects, rows)
                if sure:
                    is_ = there.get(each.file_id) or FileSums(file_id=each.file_id, rows=0, sums={})
                    found += _rows(table, file, should, is_, contract)
            except (_Cannot, DataError) as error:
                sure = sure and runtime.feeds[feed].mode is WriteMode.APPEND
                yield NotLookedInto(file_id=file.file_id, name=file.item.name, why=str(error))
            except WaybillError:
                raise  # it is about more than this file
            except Exception as error:
                sure = sure and runtime.feeds[feed].mode is WriteMode.APPEND
                log.debug("deep check of %s", file.file_id, exc_info=True)
                yield NotLookedInto(
                    file_id=file.file_id, name=file.item.name, why=sentence_of(error), is_fault=True
                )
            else:
                yield from found
            finally:
                shutil.rmtree(folder)
    yield from _at_source(runtime, feed, table)


class _Cannot(Exception):
    """The file cannot be prepared anew."""


def _order(each: Recorded) -> tuple[object, ...]:
    is_correction = each.corrects is not None
    later = each.loaded_at if is_correction else each.placed_at
    return (each.placed_at, each.place, is_correction, later, each.file_id)


def _again(
    runtime: Runtime, file: File, contract: Contract, texts: Mapping[str, Contract], folder: Path
) -> pa.Table:
    """The file's good rows, prepared anew from its raw bytes by the text it was loaded by."""
    if file.landing_key is None or not runtime.storage.exists(file.landing_key):
        raise _Cannot("its raw file is not kept any more")
    then = texts.get(base_of(file.contract_version))
    if then is None:
        raise _Cannot("it was loaded under a text of the contract that is not kept")
    if _shape(then, contract) != _shape(contract, then):
        raise _Cannot("it was loaded when the contract had other keys, partitions or types")
    named = runtime.feeds[file.feed].contract
    runtime = replace(runtime, contracts={**runtime.contracts, named: then})
    raw = fetched(runtime, file.landing_key, folder / "raw")
    staged = stage_file(raw, terms_again(runtime, file, then, raw), folder)
    if staged.refusal is not None:
        raise _Cannot(f"it would be refused today: {staged.refusal}")
    return pa.concat_tables([pq.read_table(path) for path in staged.rows])


def _texts(runtime: Runtime, feed: str) -> dict[str, Contract]:
    """The feed's contract as each of its texts describes it, by version."""
    named = runtime.feeds[feed].contract
    found = dict[str, Contract]()
    for revision in runtime.ledger.contracts.of(named):
        if revision.text is not None:
            with suppress(ContractError):
                means = read_text(named, revision.text).means
                if isinstance(means, Contract):
                    found[means.version] = means
    return found | {runtime.contracts[named].version: runtime.contracts[named]}


def _shape(contract: Contract, other: Contract) -> tuple[object, ...]:
    """What of a contract decides which rows a table holds and what they add up to, as far as the
    other one has it, too."""
    both = {each.name for each in other.columns}
    types = {each.name: each.type for each in contract.columns if each.name in both}
    return contract.primary_key, contract.partition, types


def _lines(table: str, file: File, raw: Path, contract: Contract) -> Iterator[Difference]:
    if file.corrects is not None or file.accounted is None:
        return
    counted = records_in(raw, contract.dialect)
    if counted is not None and counted != file.accounted.lines:
        yield Difference(
            table=table, file_id=file.file_id, name=file.item.name,
            figure="records of the raw file, counted by Python's csv",
            expected=counted, found=file.accounted.lines,
        )  # fmt: skip


def _rows(
    table: str, file: File, should: FileSums, is_: FileSums, contract: Contract
) -> Iterator[Difference]:
    if should.rows != is_.rows:
        yield Difference(
            table=table, file_id=file.file_id, name=file.item.name,
            figure="rows in the table, by its raw file and the files after it",
            expected=should.rows, found=is_.rows,
        )  # fmt: skip
        return
    what = {each.name: _ADDED[how] for each, how in measured(contract)}
    for column, total in should.sums.items():
        found = is_.sums.get(column, 0)
        if not _same(total, found, should.sizes.get(column, 0.0)):
            yield Difference(
                table=table, file_id=file.file_id, name=file.item.name,
                figure=f"{what[column]} of {column}, by its raw file",
                expected=_shown(total), found=_shown(found),
            )  # fmt: skip


def _same(total: Sum, found: Sum, size: float) -> bool:
    """Whether two sums are the same: exactly, or for FLOAT64, whose values have this size in all,
    as far as the order of rows allows."""
    if not isinstance(total, float) and not isinstance(found, float):
        return total == found
    if isnan(total) or isnan(found):
        return isnan(total) and isnan(found)
    within = max(1e-6, 1e-9 * size) if isfinite(size) else 0.0
    return isclose(total, found, rel_tol=1e-9, abs_tol=within)


def _shown(total: Sum) -> Sum:
    """A sum without the zeros that are only its type's."""
    return int(total) if isfinite(total) and total == int(total) else total


def _twice(
    runtime: Runtime, feed: str, table: str, recorded: list[Recorded]
) -> Iterator[Difference]:
    """Bytes that are in force under two names, where each load of them adds rows."""
    if runtime.feeds[feed].mode is not WriteMode.APPEND:
        return
    first: dict[str, Recorded] = {}
    for each in sorted(recorded, key=_order):
        if not each.in_force or each.sha256 is None or not each.counts.read:
            continue
        before = first.setdefault(each.sha256, each)
        if before is not each:
            yield Difference(
                table=table, file_id=each.file_id, name=each.name,
                figure=f"files in force with its bytes, as {before.file_id} has them",
                expected=1, found=2,
            )  # fmt: skip


def _at_source(runtime: Runtime, feed: str, table: str) -> Iterator[Difference]:
    """What the source lists and the ledger does not know as the newest version of its key; what
    has arrived just now is left out."""
    of = runtime.feeds[feed]
    if runtime.ledger.feeds.state(feed).cursor is not None:
        return
    limit = runtime.now() - _JUST_ARRIVED
    for page in runtime.sources[of.source].list(of.match, None):
        items = {item.key: item for item in page.items if item.sent_at <= limit}
        newest = {
            file.item.key: file.item.version
            for file in runtime.ledger.files.versions(feed, items.keys())
            if file.source == of.source
        }
        for key, item in items.items():
            known = newest.get(key)
            if known is None or not _is_it(known, item.version, item.formerly):
                yield Difference(
                    table=table, file_id="", name=key,
                    figure="listed by the source, and not the newest known to the ledger",
                    expected=1, found=0,
                )  # fmt: skip


def _is_it(known: str, version: str, formerly: str | None) -> bool:
    return known == version or (
        formerly is not None and (known == formerly or known.startswith(f"{formerly}:"))
    )
