"""Feeds: the Python files of the `dags/` folder, read and checked against the rest."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from connectors.mailbox.authentication import Authentication
from entrypoints.config.contracts import state_of
from entrypoints.config.said_once import SaidOnce
from pipelines.feed import Feed
from schemas.contract import Contract
from schemas.errors import ConfigError, FeedGoneError, in_one
from schemas.trust import Trust
from schemas.upload import UPLOADS

_SUFFIX = ".py"
_SECONDS = 10.0
"""After how long a file that was wrong is read again, although it has not changed."""

log = logging.getLogger(__name__)


class NoContractError(ConfigError):
    """A feed names a contract that there is not."""

    def __init__(self, message: str, *, hint: str, contract: str) -> None:
        super().__init__(message, hint=hint)
        self.contract = contract


class Feeds(Mapping[str, Feed]):
    """Feeds by name, as the folder's files are now: a service needs no restart for a change.

    Raises ConfigError when it is made over files that are wrong, unless it can go on with what the
    process knew `before`, or `is_lenient` and goes on without them. A file that becomes wrong later
    is logged once, and its feed stays as it was; the others go on. The feed of a file that is taken
    away is gone.
    """

    def __init__(
        self,
        folder: Path,
        contracts: Mapping[str, Contract],
        sources: Collection[str],
        before: Feeds | None = None,
        *,
        is_lenient: bool = False,
        once: SaidOnce | None = None,
    ) -> None:
        self._once = once or SaidOnce()
        self._folder, self._contracts, self._sources = folder, contracts, sources
        self._by_file: dict[Path, Feed] = {} if before is None else dict(before._by_file)
        self._state = state_of(folder, _SUFFIX)
        self._broken: dict[Path, ConfigError] = {}
        self._due = 0.0
        if before is None and not is_lenient:
            self._by_file = _read_all(folder, contracts, sources)
            self._feeds = {feed.name: feed for feed in self._by_file.values()}
        else:
            self._read_again(is_said=before is not None)

    def __getitem__(self, name: str) -> Feed:
        try:
            return self._current()[name]
        except KeyError:
            raise FeedGoneError(f"there is no feed {name} here now") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    @property
    def broken(self) -> Mapping[Path, ConfigError]:
        """What is wrong with files of the folder, as it was looked at last."""
        return self._broken

    # The folder is looked at once for all of them, not for each.

    def items(self) -> ItemsView[str, Feed]:
        """All of them by name, as they are now."""
        return self._current().items()

    def values(self) -> ValuesView[Feed]:
        """All of them, as they are now."""
        return self._current().values()

    def _current(self) -> Mapping[str, Feed]:
        state = state_of(self._folder, _SUFFIX)
        # What is wrong may be mended elsewhere: a contract that comes by the ledger.
        if state != self._state or (self._broken and time.monotonic() >= self._due):
            self._state, self._due = state, time.monotonic() + _SECONDS
            self._read_again()
        return self._feeds

    def _read_again(self, *, is_said: bool = True) -> None:
        by_file: dict[Path, Feed] = {}
        feeds: dict[str, Feed] = {}
        wrong: dict[Path, ConfigError] = {}
        paths = _paths(self._folder)
        for path in paths:
            # A new file does not take the name of a feed that another one has.
            others = {each.name: each for of, each in self._by_file.items() if of in paths}
            if (own := self._by_file.get(path)) is not None:
                others.pop(own.name)
            try:
                feed = _checked(path, {**others, **feeds}, self._contracts, self._sources)
            except ConfigError as error:
                known = self._by_file.get(path)
                stays = "stays as it was" if known is not None else "is not taken up"
                wrong[path], was = error, self._broken.get(path)
                is_new = was is None or was.message != error.message
                if is_said and is_new and self._once(path, error.message):
                    log.error("the feed of %s %s: %s", path.name, stays, error.message)
                if known is None or known.name in feeds:
                    continue
                feed = known
            by_file[path], feeds[feed.name] = feed, feed
        gone = ", ".join(sorted({each.name for each in self._by_file.values()} - set(feeds)))
        if gone and self._once(self._folder, f"gone: {gone}"):
            log.warning("feeds that are gone: %s", gone)
        if not feeds and not wrong:
            wrong[self._folder] = _no_feed(self._folder)
        self._by_file, self._feeds, self._broken = by_file, feeds, wrong


def read_feeds(
    folder: Path, contracts: Mapping[str, Contract], sources: Collection[str]
) -> dict[str, Feed]:
    """The feeds of a folder by name, one a file; raises one ConfigError that names all files that
    are wrong."""
    return {feed.name: feed for feed in _read_all(folder, contracts, sources).values()}


def readable_feeds(folder: Path) -> list[Feed]:
    """The feeds of a folder, whatever there is of contracts and sources; without those of files
    that cannot be read."""
    found = []
    for path in _paths(folder):
        with suppress(ConfigError):
            found.append(_read(path))
    return found


def _read_all(
    folder: Path, contracts: Mapping[str, Contract], sources: Collection[str]
) -> dict[Path, Feed]:
    feeds: dict[str, Feed] = {}
    by_file: dict[Path, Feed] = {}
    wrong: list[ConfigError] = []
    for path in _paths(folder):
        try:
            feed = _checked(path, feeds, contracts, sources)
        except ConfigError as error:
            wrong.append(error)
            continue
        by_file[path], feeds[feed.name] = feed, feed
    if wrong:
        raise in_one(wrong)
    if not feeds:
        raise _no_feed(folder)
    return by_file


def _no_feed(folder: Path) -> ConfigError:
    return ConfigError(f"{folder} holds no feed", hint="add a file with `feed = Feed(…)`")


def _paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob(f"*{_SUFFIX}")) if not path.name.startswith("_")]


def _checked(
    path: Path,
    others: Mapping[str, Feed],
    contracts: Mapping[str, Contract],
    sources: Collection[str],
) -> Feed:
    """The feed of a file; raises ConfigError if it does not fit the others and the rest."""
    feed = _read(path)
    if feed.name in others:
        raise ConfigError(f"{path}: a second feed is named {feed.name}")
    if feed.source not in sources and feed.source != UPLOADS:
        raise ConfigError(
            f"{path}: the source {feed.source} is not in config.yaml",
            hint=f"known sources: {', '.join(sorted({*sources, UPLOADS}))}",
        )
    if feed.contract not in contracts:
        raise NoContractError(
            f"{path}: there is no contract {feed.contract}",
            hint=f"known contracts: {', '.join(sorted(contracts)) or 'none'}",
            contract=feed.contract,
        )
    if (misfit := feed.misfit(contracts[feed.contract])) is not None:
        raise ConfigError(f"{path}: {misfit.message}", hint=misfit.hint)
    if feed.trust is not None and isinstance(sources, Mapping):
        _check_trust(path, feed, feed.trust, getattr(sources.get(feed.source), "config", None))
    return feed


class _Uncached(SourceFileLoader):
    """Leaves no bytecode beside a user's file and trusts none: it would miss a second edit within
    a second."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Says that nothing is known by which bytecode could be told to be fresh."""
        raise OSError


def _read(path: Path) -> Feed:
    name = f"dags.{path.stem}"
    loader = _Uncached(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    feed = getattr(module, "feed", None)
    if not isinstance(feed, Feed):
        raise ConfigError(f"{path}: there is no `feed = Feed(…)` in it")
    return feed


def _check_trust(path: Path, feed: Feed, trust: Trust, source: object) -> None:
    """Refuse to require what the source never knows: every file would be held."""
    found = getattr(source, "authentication", None) or Authentication()
    if found.authserv_id is not None:
        return
    known = {"dkim"} if found.verify_dkim else set()
    if missing := [method for method in trust.require if method not in known]:
        raise ConfigError(
            f"{path}: trust requires {', '.join(missing)}, which the source {feed.source} does not"
            " know",
            hint=f"set authentication.authserv_id of sources.{feed.source} to the name under which"
            " your mail server writes Authentication-Results; or set its verify_dkim, for dkim",
        )
