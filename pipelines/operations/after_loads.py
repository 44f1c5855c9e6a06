"""Commands after a load: what feeds name, before they are run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.runtime import Runtime
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FeedCommand:
    """The command that a feed runs after each batch."""

    feed: str
    argv: tuple[str, ...]

    def render(self) -> str:
        """What that means, in a sentence."""
        return f"feed {self.feed} runs after each batch: {shlex.join(self.argv)}"


def feed_commands(runtime: Runtime) -> Sequence[FeedCommand]:
    """The commands of the feeds; none is run. Raises ConfigError that names those whose program is
    not on this machine."""
    found = [
        FeedCommand(name, tuple(feed.after_load))
        for name, feed in sorted(runtime.feeds.items())
        if feed.after_load
    ]
    if runtime.commands is not None:
        lacking = [each for each in found if runtime.commands.find(each.argv[0]) is None]
        if lacking:
            raise ConfigError(
                "\n".join(
                    f'feed {each.feed}: after_load: there is no program "{each.argv[0]}" here that'
                    " may be run"
                    for each in lacking
                ),
                hint="install it where workers run, or write its whole path; no shell reads it",
            )
    return found
