"""Alerts to any command: the news as JSON on its standard input."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.alert import Alert, News
from schemas.errors import ConfigError, RetryableError

_SAID = 300


class CommandConfig(BaseModel):
    """A program and its arguments. No shell reads them: write a script for pipes and variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    argv: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments."""
    timeout: float = Field(default=30, gt=0, le=120)
    """Seconds after which it is killed, and run again at the next look."""


class CommandDestination:
    """One run of the command for each piece of news (protocol `Destination`)."""

    def __init__(self, config: CommandConfig) -> None:
        self._config = config

    def send(self, news: News) -> None:
        """Run the command. Raises RetryableError unless it ends with status 0 in time, ConfigError
        when it cannot be run at all."""
        program = self._config.argv[0]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, and no shell
                self._config.argv,
                input=json.dumps(plain(news), ensure_ascii=False).encode(),
                capture_output=True,
                timeout=self._config.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RetryableError(
                f"the alert command {program} did not end within {self._config.timeout:g} s"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"the alert command {program} cannot be run: {error.strerror}",
                hint="argv is a list: the program's path, then its arguments",
            ) from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-_SAID:]
            raise RetryableError(
                f"the alert command {program} ended with status {done.returncode}: {said}"
            )

    def check(self) -> str:
        """Say which command is run. It is not run."""
        return f"the command {self._config.argv[0]} (not run)"


def plain(news: News) -> dict[str, object]:
    """The news as JSON has it: `id`, `title`, `text`, and lists `opened` and `resolved`."""
    return {
        "id": news.news_id,
        "title": news.title,
        "text": news.text,
        "opened": [_plain(each) for each in news.opened],
        "resolved": [_plain(each) for each in news.resolved],
    }


def _plain(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.alert_id,
        **asdict(alert.trouble),
        "opened_at": alert.opened_at.isoformat(),
        "resolved_at": _iso(alert.resolved_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
