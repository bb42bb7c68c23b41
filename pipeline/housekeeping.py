"""Housekeeping beside the images: expired claims, completed requests, due webhooks, broken uploads.

It has a thread of its own, because the output CSV of a large request takes a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

import metrics
from database import Database, Unavailable
from pipeline.output_csv import complete_requests
from pipeline.removal import remove_abandoned
from settings import Settings
from storage import Storage
from work_queue.expired_claims import STOPPED_THE_WORKER, release_expired

logger = logging.getLogger(__name__)


class Deliveries(Protocol):
    """The webhooks that are being delivered."""

    def start_due(self) -> None: ...
    def is_busy(self) -> bool: ...


def release_crashed(db: Database, settings: Settings) -> None:
    """Release what workers that crashed had claimed."""
    poison = db.write(release_expired, settings.claim_limit)
    if poison:
        logger.error("poison images failed", extra={"count": poison})
        metrics.IMAGES.add(poison, "failed", STOPPED_THE_WORKER)


class Housekeeping:
    """Use as a context manager: leaving it waits for what is under way."""

    def __init__(
        self,
        db: Database,
        storage: Storage,
        settings: Settings,
        deliveries: Deliveries,
        *,
        worker: str,
    ) -> None:
        self._database, self._storage, self._settings = db, storage, settings
        self._deliveries, self._worker = deliveries, worker
        self._thread = ThreadPoolExecutor(1, "housekeeping")
        self._last: Future[None] | None = None
        self._released_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def complete_and_deliver(self) -> None:
        """Complete the requests whose images have all ended, and start the webhooks that are due.

        Returns at once; the thread does it.
        """
        self._start(self._complete_and_deliver)

    def begin(self) -> None:
        """The same, and remove what uploads have left half-written."""
        self._start(self._clean_up)

    def sweep_when_due(self) -> None:
        """The same, after expired claims are released; as often as the sweep of an idle worker."""
        if time.monotonic() - self._released_at > self._settings.sweep_seconds:
            self._released_at = time.monotonic()
            self._start(self._sweep)

    def is_busy(self) -> bool:
        is_working = self._last is not None and not self._last.done()
        return is_working or self._deliveries.is_busy()

    def _start(self, step: Callable[[], None]) -> None:
        self._last = self._thread.submit(self._safely, step)

    def _sweep(self) -> None:
        metrics.SWEEPS.add()
        release_crashed(self._database, self._settings)
        self._clean_up()

    def _clean_up(self) -> None:
        self._complete_and_deliver()
        remove_abandoned(self._database, self._storage, self._settings, self._worker)

    def _complete_and_deliver(self) -> None:
        complete_requests(self._database, self._storage, self._settings, self._worker)
        self._deliveries.start_due()

    def _safely(self, step: Callable[[], None]) -> None:
        """A thread has nobody to raise to."""
        try:
            step()
        except Unavailable:  # it is looked for again; database.py has logged why
            return
        except Exception:
            logger.exception("housekeeping broke down")
