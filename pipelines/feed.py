"""A feed: which files of which source, under which contract, into its table."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pipelines.parse.kind import Kind, unknown_kinds
from pipelines.schedule import Cron, Every
from schemas.batch import WriteMode
from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.language import LANGUAGES
from schemas.sender_language import check_languages, language_of
from schemas.trust import Trust

if TYPE_CHECKING:
    from pandas import DataFrame


class OnNewVersion(StrEnum):
    """What a feed does when other bytes come under a key that it has loaded before."""

    REPLACE = "replace"
    APPEND = "append"
    REFUSE = "refuse"


class Lineage(StrEnum):
    """What a row that is loaded can be traced to: its line, or only its file."""

    ROW = "row"
    FILE = "file"


log = logging.getLogger(__name__)
_FIVE_MINUTES = Every(timedelta(minutes=5))
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OURS = "WAYBILL_"
_LONGEST = 6 * 3600
"""Seconds that a command may run for after a load."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """Files that match `match` at `source`, checked by `contract`, written as `write` says.

    `transform` gets the good rows of a file as a pandas frame, indexed by line, and returns the
    rows to load with their index kept. With `chunked` it gets them piece by piece: that is for
    functions that look at each row by itself, and takes no more memory for a large file. With
    `lineage="file"` it may return fewer rows than it got, such as sums: these carry the file and
    the batch that they come from, and their number (from 1) instead of a line.
    `on_new_version` says what becomes of the rows of a file that is sent again with other content:
    `replace` (they give way to the new ones), `append` (both stay) or `refuse` (the new version is
    quarantined). `language` is the one in which senders are answered: `en`, or one that
    `schemas/locale` has; `languages` says another for some of them
    (`{"@acorn.example": "de", "ana@acorn.example": "es"}`: the most specific counts). Files that
    `exclude` names globs of files that are none of the feed's, whatever `match` says, and that are
    known for it. Mail that came before `since` is left where it is; without it, what came more than
    a day before the feed was first seen; of folders and buckets everything is taken. Files that
    `trust` does not let in are held until somebody releases them. With `digest` a sender gets one
    mail about all files since the last, by that schedule, instead of one for each file.
    `after_load` is a command (a list: the program, then its arguments; no shell reads it) that a
    worker runs after each batch, with the batch as JSON on its standard input, for so many seconds
    at most, and again if it does not end with status 0. `after_load_env` names the environment
    variables that it gets, beside PATH, HOME and LANG.
    """

    name: str
    """The name of the feed: lower-case letters, digits and underscores."""
    source: str
    """The name of the source in config.yaml that the files come from."""
    match: str
    """A glob of the files that the feed takes: `*` within a folder, `**` across folders."""
    contract: str
    """The name of the contract that the files are checked by."""
    transform: Callable[[DataFrame], DataFrame] | None = None
    """A function that gets the good rows as a pandas frame, and returns the rows to load."""
    write: WriteMode | str = WriteMode.APPEND
    """`append`, `merge` (on the primary key) or `replace_partition`."""
    schedule: Every | Cron = _FIVE_MINUTES
    """When the source is listed: `every(minutes=5)`, or `cron("0 6 * * *", "Europe/Madrid")`."""
    chunked: bool = False
    """Whether the transform gets a large file piece by piece; for functions of single rows only."""
    lineage: Lineage | str = "row"
    """`row`: each row is traced to its line. `file`: the transform may return sums, traced to the
    file."""
    whole_file: bool = False
    """Without effect today: a transform gets the whole file unless `chunked` says otherwise."""
    language: str = "en"
    """The language in which senders are answered."""
    languages: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Another language for some senders, by address or `@domain`; the most specific counts."""
    on_new_version: OnNewVersion | str = OnNewVersion.REPLACE
    """When a file comes again with other content: `replace` its rows, `append`, or `refuse` it."""
    trust: Trust | None = None
    """Whose files are accepted; other files are held until somebody releases them."""
    digest: Every | Cron | None = None
    """When one mail tells a sender about all files since the last, instead of one for each file."""
    exclude: tuple[str, ...] | str = ()
    """Globs of files that the feed does not take, even if `match` fits."""
    since: date | datetime | str | None = None
    """Mail from before that time is not taken. Without it: mail from more than a day before the
    feed began."""
    after_load: Sequence[str] = field(default=(), hash=False)
    """A command to run after each load, as a list of words; it gets the batch as JSON on its
    input."""
    after_load_env: Sequence[str] = field(default=(), hash=False)
    """The names of the environment variables that the command gets beside PATH, HOME and LANG."""
    after_load_seconds: float = 900
    """How many seconds the command may take."""

    def __post_init__(self) -> None:
        self._check_after_load()
        if isinstance(self.since, str):
            try:
                datetime.fromisoformat(self.since)
            except ValueError:
                raise ConfigError(
                    f'feed "{self.name}": since="{self.since}" is no date such as 2026-11-01'
                ) from None
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f'feed "{self.name}": a name is lower-case letters, digits and underscores'
            )
        if self.write not in list(WriteMode):
            raise ConfigError(
                f'feed "{self.name}": write="{self.write}" is not one of {", ".join(WriteMode)}'
            )
        if self.on_new_version not in list(OnNewVersion):
            raise ConfigError(
                f'feed "{self.name}": on_new_version="{self.on_new_version}" is not one of'
                f" {', '.join(OnNewVersion)}"
            )
        if self.trust is not None and (odd := unknown_kinds(self.trust.types)):
            raise ConfigError(
                f'feed "{self.name}": trust: types="{odd[0]}" is not one of'
                f" {', '.join(kind.name.lower() for kind in Kind)}"
            )
        if self.lineage not in list(Lineage):
            raise ConfigError(
                f'feed "{self.name}": lineage="{self.lineage}" is not one of {", ".join(Lineage)}'
            )
        if self.chunked and (self.whole_file or self.lineage == Lineage.FILE):
            raise ConfigError(
                f'feed "{self.name}": chunked=True gives the transform pieces of a file, and'
                ' whole_file or lineage="file" want all of it'
            )
        if self.whole_file:
            log.info("feed %s: whole_file=True is what a transform gets anyway; drop it", self.name)
        if self.language not in LANGUAGES:
            raise ConfigError(
                f'feed "{self.name}": language="{self.language}" is not one of'
                f" {', '.join(LANGUAGES)}"
            )
        try:
            check_languages(self.languages)
        except ConfigError as error:
            raise ConfigError(f'feed "{self.name}": {error.message}', hint=error.hint) from None

    def _check_after_load(self) -> None:
        for name in ("after_load", "after_load_env"):
            given = getattr(self, name)
            if isinstance(given, str) or not all(isinstance(each, str) and each for each in given):
                raise ConfigError(
                    f'feed "{self.name}": {name} is a list of texts',
                    hint='write after_load=["dbt", "run"]: no shell reads it',
                )
        if any("\0" in each for each in self.after_load):
            raise ConfigError(f'feed "{self.name}": after_load has an argument with a NUL')
        if ours := [each for each in self.after_load_env if each.upper().startswith(_OURS)]:
            raise ConfigError(
                f'feed "{self.name}": after_load_env names {ours[0]}, which is for Waybill alone',
                hint="give the command credentials of its own",
            )
        if not 0 < self.after_load_seconds <= _LONGEST:
            raise ConfigError(
                f'feed "{self.name}": after_load_seconds is above 0, and {_LONGEST:,} at most'
            )

    def misfit(self, contract: Contract) -> ConfigError | None:
        """Why files of the feed cannot be written under a contract; None if they can."""
        if self.mode is WriteMode.MERGE and not contract.primary_key:
            return ConfigError(
                f"merge needs a primary key, and contract {contract.name} has none",
                hint="set primaryKey: true on the columns that identify a row",
            )
        if self.mode is WriteMode.REPLACE_PARTITION and contract.partition is None:
            return ConfigError(
                f"replace_partition needs partitions, and contract {contract.name} has none",
                hint="set partitioned: true on a date column",
            )
        return None

    def language_for(self, sender: str | None) -> str:
        """The language in which a sender is answered; without one, the feed's."""
        return language_of(sender, self.languages) or self.language

    @property
    def excluded(self) -> tuple[str, ...]:
        """The globs of `exclude`, also of one that stands by itself."""
        return (self.exclude,) if isinstance(self.exclude, str) else tuple(self.exclude)

    @property
    def begins(self) -> datetime | None:
        """`since` as a moment, in UTC unless it says otherwise."""
        if self.since is None:
            return None
        text = self.since if isinstance(self.since, str) else self.since.isoformat()
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    @property
    def mode(self) -> WriteMode:
        """The write disposition as a WriteMode."""
        return WriteMode(self.write)

    @property
    def takes_whole(self) -> bool:
        """Whether the transform gets all rows of a file at once."""
        return self.transform is not None and not self.chunked

    @property
    def makes_rows(self) -> bool:
        """Whether the rows that are loaded are the transform's own, and no lines of the file."""
        return self.transform is not None and self.lineage == Lineage.FILE

    @property
    def new_versions(self) -> OnNewVersion:
        """What becomes of new versions as an OnNewVersion."""
        return OnNewVersion(self.on_new_version)
