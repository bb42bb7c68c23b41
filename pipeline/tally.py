"""A process counts how its images end, for metrics and for the operator's page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import metrics
from database import Database, Unavailable
from work_queue.outcomes import Outcome
from work_queue.statuses import Status
from work_queue.tallies import TallyRow, add_tallies

WRITE_SECONDS = 10.0  # between two records of what was counted
MAX_FAILURES = 20  # hosts and codes of one record; the rest is counted without its hosts


class Tally:
    """Counts in memory, and records it now and then, so that an image costs no statement.

    What is not recorded when a process crashes is not known afterwards.
    """

    def __init__(self, db: Database, *, worker: str) -> None:
        self._database, self._worker = db, worker
        self._completed = 0
        self._failed: Counter[tuple[str, str]] = Counter()  # by host and code
        self._retried: Counter[tuple[str, str]] = Counter()
        self._next_at = time.monotonic() + WRITE_SECONDS

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes that were recorded."""
        for outcome in outcomes:
            code = outcome.columns.get("error_code")
            if outcome.status is Status.COMPLETED:
                self._completed += 1
                metrics.IMAGES.add(1, "completed", "")
                metrics.BYTES_IN.add(outcome.columns["input_bytes"])
                metrics.BYTES_OUT.add(outcome.columns["output_bytes"])
            elif code:
                counted_as = _counted_as(code)
                counted = self._failed if outcome.ends_image else self._retried
                counted[outcome.image.host, counted_as] += 1
                metrics.IMAGES.add(1, "failed" if outcome.ends_image else "retry", counted_as)

    def record_when_due(self) -> None:
        """Record what was counted, if that was a while ago; later where the database is away."""
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + WRITE_SECONDS
            self.record()

    def record(self) -> None:
        """Record what was counted; later where the database is away."""
        rows = self._rows()
        if not rows:
            return
        try:
            self._database.write(add_tallies, self._worker, rows)
        except Unavailable:  # database.py has logged why
            return
        self._completed = 0
        self._failed.clear()
        self._retried.clear()

    def _rows(self) -> list[TallyRow]:
        most = [key for key, _ in (self._failed + self._retried).most_common(MAX_FAILURES)]
        kept: Counter[tuple[str, str]] = Counter()
        retried: Counter[tuple[str, str]] = Counter()
        for (host, code), number in self._failed.items():
            kept[host if (host, code) in most else "", code] += number
        for (host, code), number in self._retried.items():
            retried[host if (host, code) in most else "", code] += number
        if self._completed:
            kept["", ""] = self._completed
        return [
            TallyRow(host, code, kept[host, code], retried[host, code])
            for host, code in sorted(kept.keys() | retried.keys())
        ]


def _counted_as(code: str) -> str:
    """A server may answer any number as its status; those of no standard count as one."""
    status = code.removeprefix("http_")
    is_odd = status.isdecimal() and int(status) not in set(HTTPStatus)
    return "http_other" if is_odd else code
