"""Feeds: the Python files of the `dags/` folder, read and checked against the rest."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from connectors.mailbox.authentication import Authentication
from pipelines.feed import Feed
from schemas.batch import WriteMode
from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.trust import Trust
from schemas.upload import UPLOADS


def read_feeds(
    folder: Path, contracts: Mapping[str, Contract], sources: Collection[str]
) -> dict[str, Feed]:
    """The feeds of a folder by name, one a file; raises ConfigError that names the file."""
    feeds: dict[str, Feed] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        feed = _read(path)
        if feed.name in feeds:
            raise ConfigError(f"{path}: a second feed is named {feed.name}")
        if feed.source not in sources and feed.source != UPLOADS:
            raise ConfigError(
                f"{path}: the source {feed.source} is not in config.yaml",
                hint=f"known sources: {', '.join(sorted({*sources, UPLOADS}))}",
            )
        if feed.contract not in contracts:
            raise ConfigError(
                f"{path}: there is no contract {feed.contract}",
                hint=f"known contracts: {', '.join(sorted(contracts)) or 'none'}",
            )
        _check_mode(path, feed, contracts[feed.contract])
        if feed.trust is not None and isinstance(sources, Mapping):
            _check_trust(path, feed, feed.trust, getattr(sources.get(feed.source), "config", None))
        feeds[feed.name] = feed
    if not feeds:
        raise ConfigError(f"{folder} holds no feed", hint="add a file with `feed = Feed(…)`")
    return feeds


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


def _check_mode(path: Path, feed: Feed, contract: Contract) -> None:
    if feed.mode is WriteMode.MERGE and not contract.primary_key:
        raise ConfigError(
            f"{path}: merge needs a primary key, and contract {contract.name} has none",
            hint="set primaryKey: true on the columns that identify a row",
        )
    if feed.mode is WriteMode.REPLACE_PARTITION and contract.partition is None:
        raise ConfigError(
            f"{path}: replace_partition needs partitions, and contract {contract.name} has none",
            hint="set partitioned: true on a date column",
        )


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
