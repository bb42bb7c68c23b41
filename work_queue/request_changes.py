"""What users may do to a request: try its failed images again, cancel it, delete it, tell again.

Each change is a compare-and-set. Those of many images are made in steps, so that no other writer
waits for long; meanwhile the request's lease keeps workers from completing it.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from work_queue.models import Figures, Host, Image, Request, Webhook
from work_queue.outcomes import NO_CLAIM
from work_queue.predicates import is_whole
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status, is_status

BATCH = 2_000  # images of one step; from 5,000 on SQL Server would lock the table
STEP_SECONDS = 60  # for which the request is not completed while steps are made

Condition = sa.ColumnElement[bool]
NO_RESULT: dict[str, Any] = {
    name: sa.null()
    for name in (
        *("completed_at", "error_code", "error_message", "output_name"),
        *("input_bytes", "output_bytes", *Figures._fields),
    )
}
AGAIN = {
    "status": Status.PENDING,
    "copy_of": sa.null(),  # or a copy could wait for an original that has ended since
    "attempts": 0,
    "crash_count": 0,
    "next_attempt_at": utc_now(),
    **NO_RESULT,
}
CANCELLED = {
    "status": Status.FAILED,
    "completed_at": utc_now(),
    **NO_CLAIM,
    "error_code": "cancelled",
    "error_message": "The request was cancelled before this image was done.",
}


class Changed(NamedTuple):
    """How many images a change was for."""

    images: int


def retry_failed(db: Database, public_id: uuid.UUID) -> Changed | None:
    """Make the failed images of a request pending again, also while others are worked on.

    A completed request is at work again, and is completed and notified anew. None where there is
    no such request; nothing changes where no image has failed.
    """
    return _in_steps(db, public_id, is_status(Image.status, Status.FAILED), AGAIN, failed=-1)


def cancel(db: Database, public_id: uuid.UUID) -> Changed | None:
    """End the images that have not ended; the worker that is at one finds its claim gone.

    None where there is no such request.
    """
    has_ended = [is_status(Image.status, each) for each in (Status.COMPLETED, Status.FAILED)]
    return _in_steps(db, public_id, sa.not_(sa.or_(*has_ended)), CANCELLED, failed=1)


def delete(tx: Connection, public_id: uuid.UUID, lease_seconds: float) -> bool:
    """Hide a request from everybody at once; it is removed when its workers have let go of it.

    False where there is no such request.
    """
    hidden = tx.execute(
        sa.update(Request)
        .where(Request.public_id == public_id, is_whole())
        .values(is_whole=False, claimed_by=sa.null(), lease_until=utc_now(lease_seconds))
    )
    return hidden.rowcount == 1


def notify_again(tx: Connection, public_id: uuid.UUID) -> bool:
    """Make the request's newest notification due now, under the same message id.

    False where there is none yet.
    """
    of_request = sa.select(Request.id).where(Request.public_id == public_id, is_whole())
    newest = tx.scalar(sa.select(sa.func.max(Webhook.id)).where(Webhook.request_id.in_(of_request)))
    if newest is None:
        return False
    tx.execute(
        sa.update(Webhook)
        .where(Webhook.id == newest, sa.not_(is_status(Webhook.status, Status.PROCESSING)))
        .values(status=Status.PENDING, next_attempt_at=utc_now())
    )
    return True


def _in_steps(
    db: Database, public_id: uuid.UUID, condition: Condition, values: dict[str, Any], *, failed: int
) -> Changed | None:
    request_id = db.read(_id_of, public_id)
    if request_id is None:
        return None
    changed = 0
    while count := db.write(_change_batch, request_id, condition, values, failed):
        changed += count
    if changed:
        db.write(_end_change, request_id)
    return Changed(changed)


def _id_of(tx: Connection, public_id: uuid.UUID) -> int | None:
    return tx.scalar(sa.select(Request.id).where(Request.public_id == public_id, is_whole()))


def _change_batch(
    tx: Connection, request_id: int, condition: Condition, values: dict[str, Any], failed: int
) -> int:
    """Change some images and count them; how many.

    A step that is run again after a lost answer changes what is left: nothing is counted twice.
    """
    chosen = (
        sa.select(Image.id)
        .where(Image.request_id == request_id, condition)
        .order_by(Image.row_number, Image.position)
        .limit(BATCH)
    )
    # The condition once more, for rows that a worker has changed since they were chosen.
    changed = sa.update(Image).where(Image.id.in_(chosen), condition).values(**values)
    count = tx.execute(changed).rowcount
    if count:
        tx.execute(
            sa.update(Request)
            .where(Request.id == request_id)
            .values(
                status=Status.PROCESSING,
                failed=Request.failed + failed * count,
                completed_at=sa.null(),
                claimed_by=sa.null(),
                lease_until=utc_now(STEP_SECONDS),
            )
        )
    return count


def _end_change(tx: Connection, request_id: int) -> None:
    """From here on workers may complete it; hosts that were given up are asked again."""
    tx.execute(
        sa.update(Host).where(Host.request_id == request_id).values(timeouts=0, rests_until=None)
    )
    tx.execute(
        sa.update(Request)
        .where(Request.id == request_id, Request.claimed_by.is_(None), is_whole())
        .values(lease_until=sa.null())
    )
