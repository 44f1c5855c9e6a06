"""The log: its lines as text for people or as JSON for machines, with the same facts."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from entrypoints.config.telemetry import Log, LogFormat

_TEXT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
_FACTS = (
    "file_id",
    "feed",
    "step",
    "outcome",
    "seconds",
    "rows",
    "request_id",
    "status",
    "task_id",
)
"""What a record may carry beside its message."""
_QUIET = {"great_expectations": "warning", "alembic": "warning"}
"""Libraries that say too much, unless `log.levels` wants to hear them."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, the facts that the record
    carries, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, whatever its message holds."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= {each: vars(record)[each] for each in _FACTS if vars(record).get(each) is not None}
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


class TextFormatter(logging.Formatter):
    """A line of text; what belongs to a request begins with its id."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without what is put below it."""
        if request := vars(record).get("request_id"):
            record.message = f"[{request}] {record.message}"
        return super().formatMessage(record)


def write_log(log: Log, level: str) -> None:
    """Write the log of this process to its error output from now on. What was set up before is
    replaced."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log.format is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    quiet = {} if level == "debug" else _QUIET
    for name, of_library in (quiet | log.levels).items():
        logging.getLogger(name).setLevel(of_library.upper())
