"""Requests that users deleted, and uploads that broke off, are removed: files first, then rows."""

from __future__ import annotations

import logging
import time

from database import Database
from settings import Settings
from storage import Storage
from work_queue.removal import claim_removal, hide_old, remove_batch

logger = logging.getLogger(__name__)

SECONDS = 2.0  # of one call, beside completions and webhooks


def hide_old_requests(db: Database, settings: Settings) -> None:
    """Those that were completed more than RETENTION_DAYS ago, some at a time."""
    if settings.retention_days:
        db.write(hide_old, settings.retention_days)


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
