"""Requests that users deleted, and uploads that broke off, are removed: files first, then rows."""

from __future__ import annotations

import logging

from database import Database
from settings import Settings
from storage import Storage
from work_queue.removal import claim_removal, hide_old, remove_batch

logger = logging.getLogger(__name__)


def hide_old_requests(db: Database, settings: Settings) -> None:
    """Those that were completed more than RETENTION_DAYS ago, some at a time."""
    if settings.retention_days:
        db.write(hide_old, settings.retention_days)


def remove_abandoned(db: Database, storage: Storage, settings: Settings, worker: str) -> None:
    """Remove all there are, in steps that hold nobody up."""
    lease = settings.lease_seconds
    while removal := db.write(claim_removal, worker, lease):
        storage.remove(removal.public_id)
        while db.write(remove_batch, worker, removal.id, lease):
            pass
        logger.info("request removed", extra={"request_id": removal.public_id})
