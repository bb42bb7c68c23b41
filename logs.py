"""Log lines that end with the fields of their event: ``request completed request_id=…``."""

from __future__ import annotations

import logging

STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}


class WithFields(logging.Formatter):
    """Adds what was given as ``extra`` to the line that another formatter made."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in STANDARD}
        first, *rest = self._inner.format(record).split("\n", 1)
        return "\n".join([" ".join([first, *(f"{n}={v}" for n, v in fields.items())]), *rest])


def show_fields(logger: logging.Logger) -> None:
    """Let all handlers of ``logger`` write the fields."""
    for handler in logger.handlers:
        handler.setFormatter(WithFields(handler.formatter))
