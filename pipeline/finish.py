"""The end of a request: its output CSV, then its completion and its webhook."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import database
from database import FinishedRequest
from engine import Database
from pipeline import results
from pipeline.manifest import open_manifest
from pipeline.results import Result
from pipeline.storage import Storage, image_url
from settings import Settings

logger = logging.getLogger(__name__)


def finish_requests(db: Database, storage: Storage, settings: Settings, worker: str) -> int:
    """Finish what has all its images answered and isn't being finished; returns how many.

    One whose files can't be written now is tried again when this worker's claim has run out.
    """
    finished = 0
    while request := database.claim_finished(db, worker, settings.lease_seconds):
        try:
            _write_output_csv(db, storage, settings, worker, request)
        except OSError:
            logger.exception("output CSV not written", extra={"request_id": request.public_id})
            continue
        finished += database.complete(db, worker, request, settings.webhook_schedule[0])
        logger.info("request completed", extra={"request_id": request.public_id})
    return finished


def _write_output_csv(
    db: Database, storage: Storage, settings: Settings, worker: str, request: FinishedRequest
) -> None:
    manifest = open_manifest(
        storage.upload_path(request.public_id),
        url_columns=url_columns(request.url_column),
        max_rows=sys.maxsize,  # it was taken in; a limit lowered since must not keep it from ending
    )
    with storage.output_csv(request.public_id) as file:
        results.write(manifest, _results(db, settings, worker, request), file)


def url_columns(field: str | None) -> list[str]:
    """The names in an upload's ``url_column`` field, which separates them by commas."""
    return [name.strip() for name in (field or "").split(",") if name.strip()]


def _results(
    db: Database, settings: Settings, worker: str, request: FinishedRequest
) -> Iterator[Result]:
    base = settings.public_base_url
    for image in database.results(db, worker, request, settings.lease_seconds):
        name, error = image.output_name, image.error_message
        yield Result(
            row_number=image.row_number,
            position=image.position,
            output_url=image_url(base, request.public_id, name) if name else "",
            error=error or "",
        )
