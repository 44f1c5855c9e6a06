"""Explain: where a row in the warehouse comes from, and what it went through."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.protocols import FoundRow
from pipelines.parse import Chunk, Parsed, parsed
from pipelines.prepare.corrected import correction_terms
from pipelines.prepare.stage_file import Terms
from pipelines.rejects.messages import sentence
from pipelines.runtime import Runtime
from pipelines.stored_files import fetched
from pipelines.validate.rules import expectations_for, table_expectations
from pipelines.validate.unique_keys import keys_of
from schemas.batch import Removal, WriteMode
from schemas.contract import Contract, Expectation
from schemas.errors import ConfigError, DataError
from schemas.file import Event, File
from schemas.row_position import Place

_OTHERWISE = "the raw file is not read as it was then: {}"
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A row's values and its way: the file (None once the ledger has forgotten it), the line and,
    in an archive, the member; the `sheet` that the contract reads; its text in the raw file, if
    that is still kept; the checks of its contract; the file's timeline; its batch and the rows of
    other files that the batch replaced."""

    values: Mapping[str, object]
    table: str
    file_id: str
    file: File | None
    line: int
    member: int
    member_name: str | None
    sheet: str | None
    raw: str | None
    raw_missing: str | None
    checks: tuple[str, ...]
    events: tuple[Event, ...]
    batch_id: str
    loaded_at: datetime
    replaced: tuple[Removal, ...]


def contract_named(runtime: Runtime, text: str) -> Contract:
    """The contract of that name, or of the table of that name (its dataset and project may be
    left out); raises ConfigError."""
    named = [each for each in runtime.contracts.values() if each.name == text]
    if not named:
        tables = {
            each.name: runtime.warehouse.table_id(each) for each in runtime.contracts.values()
        }
        named = [
            each
            for each in runtime.contracts.values()
            if f".{tables[each.name]}".endswith(f".{text}")
        ]
    if len(named) != 1:
        known = ", ".join(sorted(runtime.contracts))
        raise ConfigError(
            f'"{text}" names {len(named) or "no"} table{"s" if named else ""}',
            hint=f"the tables are those of the contracts {known}",
        )
    return named[0]


def explain(
    runtime: Runtime, contract: Contract, where: str, limit: int, since: datetime | None = None
) -> list[Explained]:
    """The rows for which the condition holds, loaded since then, explained. Raises what the
    warehouse raises."""
    rows = runtime.warehouse.find_rows(contract, where, limit, since)
    texts = _texts(runtime, contract, rows)
    replaced = {
        batch: runtime.warehouse.removals(batch, loaded_at)
        for batch, loaded_at in {row.batch_id: row.loaded_at for row in rows}.items()
    }
    feeds = (feed for feed in runtime.feeds.values() if feed.contract == contract.name)
    checks = checks_of(contract, next((feed.mode for feed in feeds), WriteMode.APPEND))
    table = runtime.warehouse.table_id(contract)
    explained = []
    for row in rows:
        raw, missing, member_name = texts[row.file_id, row.row]
        place = Place.of(row.row)
        explained.append(
            Explained(
                values=row.values,
                table=table,
                file_id=row.file_id,
                file=_known(runtime, row.file_id),
                line=place.line,
                member=place.member,
                member_name=member_name,
                sheet=contract.dialect.sheet or None,
                raw=raw,
                raw_missing=missing,
                checks=checks,
                events=tuple(runtime.ledger.timelines.of(row.file_id)),
                batch_id=row.batch_id,
                loaded_at=row.loaded_at,
                replaced=tuple(replaced[row.batch_id]),
            )
        )
    return explained


def checks_of(contract: Contract, mode: WriteMode) -> tuple[str, ...]:
    """What every row of the table was checked for when it was written in that mode, in words."""
    checks = [f"{each.name} is a {each.type}" for each in contract.file_columns]
    checks += [f"{each.name} is there" for each in contract.columns if each.required]
    checks += [_unique(key.columns) for key in keys_of(contract, mode)]
    rules = [
        *expectations_for(contract, derived=False),
        *expectations_for(contract, derived=True),
        *table_expectations(contract),
    ]
    checks += [_said(each) for each in rules]
    return tuple(dict.fromkeys(checks))


def _said(rule: Expectation) -> str:
    """The rule itself; what is said of keys that repeat tells of rows that break it."""
    keys = rule.kwargs.get("column_list") or [rule.column]
    if rule.type in _UNIQUE and rule.description is None:
        return _unique(keys)
    return sentence(rule)


def _unique(columns: Sequence[str]) -> str:
    if len(columns) > 1:
        return f"{', '.join(columns)} together are unique in their file"
    return f"{columns[0]} is unique in its file"


def _known(runtime: Runtime, file_id: str) -> File | None:
    try:
        return runtime.ledger.files.get(file_id)
    except KeyError:
        return None


type _Text = tuple[str | None, str | None, str | None]


def _texts(
    runtime: Runtime, contract: Contract, rows: Sequence[FoundRow]
) -> dict[tuple[str, int], _Text]:
    """Each row's raw text (or why there is none) and its member's name; a file is read once."""
    found: dict[tuple[str, int], _Text] = {}
    for file_id in dict.fromkeys(row.file_id for row in rows):
        wanted = {row.row for row in rows if row.file_id == file_id}
        file = _known(runtime, file_id)
        missing, texts = "the ledger no longer knows the file", dict[int, _Text]()
        if file is not None:
            missing, texts = _lines(runtime, contract, file, wanted)
        for row in wanted:
            found[file_id, row] = texts.get(row, (None, missing, None))
    return found


def _lines(
    runtime: Runtime, contract: Contract, file: File, wanted: set[int]
) -> tuple[str, dict[int, _Text]]:
    """The raw texts of those places of a landed file, read up to the last of them."""
    texts: dict[int, _Text] = {}
    if file.landing_key is None:
        return "the raw file is no longer kept", texts
    with tempfile.TemporaryDirectory(dir=runtime.work_folder, prefix="explain-") as name:
        folder = Path(name)
        try:
            raw = fetched(runtime, file.landing_key, folder / "raw")
            correcting = _correcting(runtime, file, raw)
        except FileNotFoundError:
            return "the raw file is not in storage any more", texts
        except DataError as error:
            return _OTHERWISE.format(error.message), texts
        dialect = contract.dialect if correcting is None else correcting.contract.dialect
        columns = [column.name for column in contract.file_columns]
        names = _members_of(correcting)
        try:
            with parsed(raw, dialect, runtime.limits, folder, columns) as found:
                for chunk, lines in _placed(found, correcting):
                    at = {line: index for index, line in enumerate(lines)}
                    for row in wanted & at.keys():
                        texts[row] = (chunk.raw(at[row]), None, names.get(row, chunk.member))
                    if len(texts) == len(wanted):
                        break
        except DataError as error:
            return _OTHERWISE.format(error.message), texts
    return "the raw file has no row there, as it is read today", texts


def _members_of(terms: Terms | None) -> dict[int, str | None]:
    """The members of the corrected file's rows, by their places; nothing for any other file."""
    if terms is None or terms.correcting is None:
        return {}
    return {place: member for (member, _), place in terms.correcting.rejected.items()}


def _correcting(runtime: Runtime, file: File, raw: Path) -> Terms | None:
    """What a file of corrections was staged by; None for any other. Raises FileNotFoundError where
    the rejected rows that it corrects are not kept any more."""
    if file.corrects is None:
        return None
    target = _known(runtime, file.corrects)
    if target is None or target.rejects_key is None:
        raise FileNotFoundError(file.corrects)
    return correction_terms(runtime, file, target, raw, lambda: None)


def _placed(found: Parsed, terms: Terms | None) -> Iterator[tuple[Chunk, list[int]]]:
    """The chunks with the places that their rows have in the table: a corrected row has that of the
    row which it corrects."""
    correcting = None if terms is None else terms.correcting
    if correcting is None:
        yield from ((chunk, chunk.lines.tolist()) for chunk in found.chunks)
        return
    for chunk in correcting.over(found).chunks:
        yield chunk, [correcting.places[line] for line in chunk.lines.tolist()]
