"""New feeds: a contract inferred from files, a feed over it, and the files checked under both."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.feed import Feed
from pipelines.operations.dry_run import Checked, check
from pipelines.operations.new_match import Match, match_beside, overlaps
from pipelines.operations.own_files import write_own
from pipelines.operations.proposals import Proposal, proposal_for
from schemas.batch import WriteMode
from schemas.capabilities import Capabilities
from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.limits import Limits
from schemas.odcs.reader import SUFFIX

_FEED = '''"""Files such as {example}; written by `waybill new feed`, yours to change."""

from pipelines import Feed, every

feed = Feed(
    name="{name}",
    source="{source}",
    match="{match}",
    contract="{name}",
    write="{write}",
    schedule=every(minutes=5),
)
'''


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed that was made: its glob and who else takes such files, its proposal, the files that
    were written, and what would become of each of the files that it was made from."""

    feed: Feed
    match: Match
    proposal: Proposal
    contract_path: Path
    feed_path: Path
    checked: tuple[Checked, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a new feed is to be; an empty `match` is made of the files' names. In a source without
    folders they are told by their names alone."""

    name: str
    source: str
    match: str = ""
    has_folders: bool = True
    write: str = WriteMode.APPEND
    sheet: str = ""
    member: str = ""
    force: bool = False


def make_feed(
    files: Sequence[Path],
    wanted: Wanted,
    contracts: Path,
    feeds: Path,
    others: Sequence[Feed],
    limits: Limits,
    capabilities: Capabilities,
    today: date,
) -> NewFeed:
    """Infer a contract from the first file, write it and a feed into those folders, and check every
    file under them; nothing is connected to. `others` are the feeds that are there.

    Raises ConfigError for files that are there already (unless `force`) and for a way to write that
    the contract cannot do; DataError for a file that holds no table. Nothing is written then.
    """
    contract_path = contracts / f"{wanted.name}{SUFFIX}"
    feed_path = feeds / f"{wanted.name}.py"
    there = [path for path in (contract_path, feed_path) if path.exists()]
    if there and not wanted.force:
        raise ConfigError(
            f"already there: {' and '.join(map(str, there))}",
            hint="choose another --name, or overwrite with --force",
        )
    proposal = proposal_for(
        files[0], wanted.name, limits, today, sheet=wanted.sheet, member=wanted.member
    )
    match = _match(files, wanted, others)
    feed = Feed(
        name=wanted.name,
        source=wanted.source,
        match=match.glob,
        contract=wanted.name,
        write=wanted.write,
    )
    _refuse_misfit(feed, proposal.contract)
    text = _FEED.format(
        name=wanted.name,
        source=wanted.source,
        match=_quoted(match.glob),
        write=wanted.write,
        example=_quoted(files[0].name),
    )
    with tempfile.TemporaryDirectory(prefix="waybill-new-") as scratch:
        checked = []
        for number, file in enumerate(files):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            found = check(file, feed, proposal.contract, limits, folder, capabilities=capabilities)
            checked.append(found)
    write_own(contract_path, proposal.text)
    write_own(feed_path, text)
    return NewFeed(feed, match, proposal, contract_path, feed_path, tuple(checked))


def _match(files: Sequence[Path], wanted: Wanted, others: Sequence[Feed]) -> Match:
    """The glob that is asked for, or one that is made beside those of the same source."""
    beside = [each for each in others if each.source == wanted.source and each.name != wanted.name]
    if wanted.match:
        found = overlaps(wanted.match, beside, has_folders=wanted.has_folders)
        return Match(wanted.match, found)
    names = [file.name for file in files]
    return match_beside(names, wanted.name, beside, has_folders=wanted.has_folders)


def _quoted(text: str) -> str:
    """The text as it may stand within a Python string."""
    inner = "".join(each if each.isprintable() else "?" for each in text)
    return inner.replace("\\", "\\\\").replace('"', '\\"')


def _refuse_misfit(feed: Feed, contract: Contract) -> None:
    if feed.mode is WriteMode.MERGE and not contract.primary_key:
        raise ConfigError(
            "nothing says by which columns rows are merged",
            hint='leave --write out; then set primaryKey: true in the contract and write="merge"'
            " in the feed",
        )
    if feed.mode is WriteMode.REPLACE_PARTITION and contract.partition is None:
        raise ConfigError(
            "replace_partition needs partitions, and the files show no date to make them by",
            hint="leave --write out; then set partitioned: true on a date column of the contract",
        )
