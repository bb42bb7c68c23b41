"""Log lines, for people or as JSON, that say which request or image they are about.

    [2026-11-28 09:30:00,000: INFO/MainProcess] request completed request_id=…
    {"time": "…", "level": "INFO", "logger": "…", "message": "request completed", "request_id": "…"}

A line has the fields that it was given as ``extra``, and those of the ``about`` that surrounds it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

FORMATS = ("text", "json")
TEXT = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"  # as Celery has it
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
Fields = dict[str, Any]

process_fields: Fields = {}  # of every JSON line of this process, such as its worker
_surrounding: ContextVar[Fields] = ContextVar("surrounding")


@contextmanager
def about(**fields: Any) -> Iterator[Fields]:
    """Give these fields to every line that this thread writes meanwhile, whoever writes it.

    Yields them, so that one that is known later can be added.
    """
    merged = {**_surrounding.get({}), **fields}
    token = _surrounding.set(merged)
    try:
        yield merged
    finally:
        _surrounding.reset(token)


def set_up(log_format: str) -> None:
    """Write the log of this process, and of its forks, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each step of a migration
    show_fields(logging.getLogger(), log_format)


def show_fields(logger: logging.Logger, log_format: str = FORMATS[0]) -> None:
    """Let all handlers of ``logger`` write the fields, as text behind what they write already, or
    everything as JSON."""
    for handler in logger.handlers:
        text = WithFields(handler.formatter)
        handler.setFormatter(JsonLines() if log_format == "json" else text)


def _fields_of(record: logging.LogRecord) -> Fields:
    own = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return {**_surrounding.get({}), **own}


class WithFields(logging.Formatter):
    """Adds the fields to the line that another formatter made."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        fields = (f"{name}={_in_a_word(value)}" for name, value in _fields_of(record).items())
        first, *rest = self._inner.format(record).split("\n", 1)
        return "\n".join([" ".join([first, *fields]), *rest])


def _in_a_word(value: Any) -> str:
    """A value that ends at the next blank; a path that somebody asked for could forge a line."""
    text = str(value)
    is_plain = text.isprintable() and not set(text) & set(' "=')
    return text if text and is_plain else json.dumps(text, ensure_ascii=not text.isprintable())


class JsonLines(logging.Formatter):
    """A line is one JSON object, with a stack trace in it."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({**process_fields, **_fields_of(record), **line}, default=str)
