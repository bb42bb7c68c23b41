"""Requests that users deleted, and uploads that broke off, are removed: files first, then rows."""

from __future__ import annotations

import logging
import time

from database import Database
from settings import Settings
from storage import Storage
from work_queue.api_keys import keys_to_clear
from work_queue.removal import claim_removal, hide_old, remove_batch

logger = logging.getLogger(__name__)

EVERY_SWEEPS = 12  # a process looks for old requests: days needn't be exact
SECONDS = 2.0  # of one call, beside completions and webhooks


class Retention:
    """Hides the requests that were completed longer ago than their key, or RETENTION_DAYS, says.

    Some at a time; what is hidden is removed then.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._database, self._default_days = db, settings.retention_days
        self._every_seconds = EVERY_SWEEPS * settings.sweep_seconds
        self._next_at = 0.0  # of time.monotonic()

    def apply_when_due(self) -> None:
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._every_seconds
        for key_id, days in self._database.read(keys_to_clear, self._default_days).items():
            while self._database.write(hide_old, key_id, days):
                pass


def remove_abandoned(db: Database, storage: Storage, settings: Settings, worker: str) -> None:
    """Remove what there is, for a moment; the next call goes on."""
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        removal = db.write(claim_removal, worker, settings.lease_seconds)
        if removal is None:
            return
        storage.remove(removal.public_id)
        if _remove_rows(db, settings, worker, removal.id, ends_at):
            logger.info("request removed", extra={"request_id": removal.public_id})


def _remove_rows(
    db: Database, settings: Settings, worker: str, request_id: int, ends_at: float
) -> bool:
    """Whether all are gone; where the time is over, whoever comes next may claim the rest."""
    while time.monotonic() < ends_at:
        if not db.write(remove_batch, worker, request_id, settings.lease_seconds):
            return True
    return not db.write(remove_batch, worker, request_id, 0)
