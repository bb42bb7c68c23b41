"""Completion: one worker claims a request whose images have all ended, and completes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from work_queue.models import Image, Request
from work_queue.notifications import add_webhook
from work_queue.outcomes import NO_CLAIM
from work_queue.predicates import is_after, is_open, is_ready_to_complete
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status

PAGE = 2_000  # images that are read at once


class ClaimLost(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """Another worker completes the request."""


class FinishedRequest(NamedTuple):
    """A request whose images have all ended and whose output CSV this worker shall write."""

    id: int
    public_id: uuid.UUID
    url_column: str | None
    reading: str | None = None
    failed: int = 0  # images


class FinishedImage(NamedTuple):
    """What the output CSV says of an image: its file, or why there is none."""

    row_number: int
    position: int
    output_name: str | None
    error_message: str | None


def claim_finished(tx: Connection, worker: str, lease_seconds: float) -> FinishedRequest | None:
    """Claim a request whose images have all ended and whose output CSV nobody is writing."""
    # A read waits for nobody, and the update is a compare-and-set by key: no other row is locked.
    candidate = tx.scalar(
        sa.select(Request.id)
        .where(is_ready_to_complete())
        .order_by(Request.served_at, Request.id)
        .limit(1)
    )
    if candidate is None:
        return None
    claimed = tx.execute(
        sa.update(Request)
        .where(Request.id == candidate, is_ready_to_complete())
        .values(claimed_by=worker, lease_until=utc_now(lease_seconds))
        .returning(
            *(Request.id, Request.public_id, Request.url_column, Request.reading, Request.failed)
        )
    ).first()
    return None if claimed is None else FinishedRequest(*claimed)


def finished_images(
    db: Database, worker: str, request: FinishedRequest, lease_seconds: float
) -> Iterator[FinishedImage]:
    """The images of a claimed request in the order of the CSV, a page at a time.

    Each page renews the claim, so that a long output CSV isn't taken for an abandoned one. Raises
    ClaimLost where another worker has taken it over: that one writes the output CSV.
    """
    place = (0, 0)
    while page := db.write(_renew_and_read, worker, request.id, place, lease_seconds):
        yield from page
        place = (page[-1].row_number, page[-1].position)


def _renew_and_read(
    tx: Connection, worker: str, request_id: int, after: tuple[int, int], lease_seconds: float
) -> list[FinishedImage]:
    renewed = tx.execute(
        sa.update(Request)
        .where(Request.id == request_id, Request.claimed_by == worker, is_open())
        .values(lease_until=utc_now(lease_seconds))
    )
    if renewed.rowcount != 1:
        raise ClaimLost
    page = tx.execute(
        sa.select(Image.row_number, Image.position, Image.output_name, Image.error_message)
        .where(Image.request_id == request_id, is_after(*after))
        .order_by(Image.row_number, Image.position)
        .limit(PAGE)
    )
    return [FinishedImage(*image) for image in page]


def complete_request(
    tx: Connection, worker: str, request: FinishedRequest, webhook_seconds: float
) -> bool:
    """Complete a claimed request and record its webhook, due in ``webhook_seconds``.

    False if the claim was lost: somebody else completes it.
    """
    completed = tx.execute(
        sa.update(Request)
        .where(Request.id == request.id, Request.claimed_by == worker, is_open())
        .values(status=Status.COMPLETED, completed_at=utc_now(), **NO_CLAIM)
        .returning(Request.webhook_url)
    ).first()
    if completed is None:
        return False
    if (url := completed[0]) is not None:
        add_webhook(tx, request.id, url, webhook_seconds)
    return True
