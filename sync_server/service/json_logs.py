"""JSON logs on standard error, one line for each event.

Privacy: logs contain no query strings, file names or texts of requests. A request's line has the route, status,
duration and request id.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from edge_identify.edge_runtime.photos import doubts

_ROOT = "edge_identify"
_ABOUT_PHOTOS = ("PIL", doubts.__name__)  # silent: their messages are about clients' photos, and name them
_NOWHERE = logging.NullHandler()
_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON: time, level, event, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{name: value for name, value in record.__dict__.items() if name not in _OF_EVERY_RECORD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


@contextmanager
def json_logs(level: str) -> Iterator[None]:
    """Write the logs of this project and of waitress to standard error while the block runs.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger, others = logging.getLogger(_ROOT), logging.getLogger("waitress")
    silent = [logging.getLogger(name) for name in _ABOUT_PHOTOS]
    for one in silent:
        one.addHandler(_NOWHERE)
        one.propagate = False
    before = logger.level
    for one in (logger, others):
        one.addHandler(handler)
        one.propagate = False
    logger.setLevel(level.upper())
    try:
        yield
    finally:
        for one in (logger, others):
            one.removeHandler(handler)
            one.propagate = True
        for one in silent:
            one.removeHandler(_NOWHERE)
            one.propagate = True
        logger.setLevel(before)
