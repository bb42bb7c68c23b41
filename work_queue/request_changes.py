"""What users may do to a request: try failed images again, cancel, delete, notify again.

Each change is a compare-and-set. Those of many images are made in steps, so that no other writer
waits for long; meanwhile the request's lease keeps workers from completing it.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from work_queue.models import Host, Image, Request, Webhook
from work_queue.notifications import end_webhooks
from work_queue.outcomes import NO_CLAIM
from work_queue.predicates import is_completed, is_whole
from work_queue.sql_functions import utc_now
from work_queue.statements import RESULT_COLUMNS
from work_queue.statuses import Status, is_status

BATCH = 2_000  # images of one step, about: some 20 ms
STEP_SECONDS = 60  # for which the request is not completed while steps are made

Condition = sa.ColumnElement[bool]
NOTHING: dict[str, Any] = {name: sa.null() for name in ("completed_at", *RESULT_COLUMNS)}
PENDING_AGAIN = {
    "status": Status.PENDING,
    "copy_of": sa.null(),  # each by itself: a copy could wait for an original that has ended since
    "attempts": 0,
    "crash_count": 0,
    "next_attempt_at": utc_now(),
    **NOTHING,
}
CANCELLED = {
    "status": Status.FAILED,
    "completed_at": utc_now(),
    **NO_CLAIM,
    "error_code": "cancelled",
    "error_message": "The request was cancelled before this image was done.",
}


def retry_failed(db: Database, public_id: uuid.UUID) -> int | None:
    """Make the failed images of a request pending again, also while others are worked on.

    How many; None where there is no such request. A completed request is at work again, and is
    completed and notified anew, and what has not been delivered yet of its notification is not;
    nothing changes where no image has failed.
    """
    if (found := db.read(_size_of, public_id)) is None:
        return None
    db.write(_ask_hosts_again, found.id)  # or the images would fail as those of a given-up host
    return _in_steps(
        db, found, is_status(Image.status, Status.FAILED), PENDING_AGAIN, failed_more=-1
    )


def cancel(db: Database, public_id: uuid.UUID) -> int | None:
    """End the images that have not ended; the worker that is at one finds its claim gone.

    How many; None where there is no such request.
    """
    if (found := db.read(_size_of, public_id)) is None:
        return None
    has_ended = [is_status(Image.status, each) for each in (Status.COMPLETED, Status.FAILED)]
    return _in_steps(db, found, sa.not_(sa.or_(*has_ended)), CANCELLED, failed_more=1)


def delete(tx: Connection, public_id: uuid.UUID, lease_seconds: float) -> bool:
    """Hide a request from everybody at once; it is removed when its workers have let go of it.

    False where there is no such request.
    """
    hidden = tx.execute(
        sa.update(Request)
        .where(Request.public_id == public_id, is_whole())
        .values(
            is_whole=False,
            claimed_by=sa.null(),
            lease_until=utc_now(lease_seconds),
            idempotency_key=sa.null(),
        )
    )
    return hidden.rowcount == 1


def notify_again(tx: Connection, public_id: uuid.UUID) -> bool:
    """Make the newest notification of a completed request due now, under the same message id.

    False where there is none.
    """
    completed = sa.select(Request.id).where(Request.public_id == public_id, is_completed())
    newest = tx.scalar(sa.select(sa.func.max(Webhook.id)).where(Webhook.request_id.in_(completed)))
    if newest is None:
        return False
    tx.execute(
        sa.update(Webhook)
        .where(Webhook.id == newest, sa.not_(is_status(Webhook.status, Status.PROCESSING)))
        .values(status=Status.PENDING, next_attempt_at=utc_now())
    )
    return True


class _Size(NamedTuple):
    id: int
    row_count: int
    total: int


class _IsGone(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """The request was deleted meanwhile."""


def _size_of(tx: Connection, public_id: uuid.UUID) -> _Size | None:
    of_request = sa.and_(Request.public_id == public_id, is_whole())
    found = tx.execute(sa.select(Request.id, Request.row_count, Request.total).where(of_request))
    row = found.first()
    return None if row is None else _Size(*row)


def _in_steps(
    db: Database, request: _Size, condition: Condition, values: dict[str, Any], *, failed_more: int
) -> int | None:
    """Each image is looked at once, the last rows first: copies go before their originals, so that
    none waits for one that has ended if this is broken off."""
    changed, rows = 0, max(BATCH * request.row_count // max(request.total, 1), 1)
    try:
        for last in range(request.row_count, 0, -rows):
            step = sa.and_(condition, Image.row_number.between(last - rows + 1, last))
            changed += db.write(_change_rows, request.id, step, values, failed_more)
        if changed:
            db.write(_let_complete, request.id)
    except _IsGone:
        return None
    return changed


def _change_rows(
    tx: Connection, request_id: int, condition: Condition, values: dict[str, Any], failed_more: int
) -> int:
    """Change images and count them; how many. The request will be notified of anew.

    After a lost answer the same step finds nothing left, so nothing is counted twice.
    """
    of_request = sa.and_(Image.request_id == request_id, condition)
    count = tx.execute(sa.update(Image).where(of_request).values(**values)).rowcount
    if count:
        counted = tx.execute(
            sa.update(Request)
            .where(Request.id == request_id, is_whole())
            .values(
                status=Status.PROCESSING,
                failed=Request.failed + failed_more * count,
                completed_at=sa.null(),
                claimed_by=sa.null(),
                lease_until=utc_now(STEP_SECONDS),
            )
        )
        if counted.rowcount != 1:
            raise _IsGone
        end_webhooks(tx, request_id)
    return count


def _ask_hosts_again(tx: Connection, request_id: int) -> None:
    rested = sa.or_(Host.timeouts > 0, Host.rests_until.is_not(None))
    tx.execute(
        sa.update(Host)
        .where(Host.request_id == request_id, rested)
        .values(timeouts=0, rests_until=sa.null())
    )


def _let_complete(tx: Connection, request_id: int) -> None:
    tx.execute(
        sa.update(Request)
        .where(Request.id == request_id, Request.claimed_by.is_(None), is_whole())
        .values(lease_until=sa.null())
    )
