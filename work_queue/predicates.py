"""The conditions that several statements share, under the names that this room uses for them.

Each names the columns of the partial index that serves it, in the index's own words: without them
the index would not be used.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from work_queue.models import ALL_WORK, Image, Pause, Request
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status, is_status

Condition = sa.ColumnElement[bool]


def is_pending(table: Any) -> Condition:
    """It can be claimed; a copy of an image can not, as it waits for the original's outcome."""
    pending = is_status(table.status, Status.PENDING)
    return sa.and_(pending, table.copy_of.is_(None)) if table is Image else pending


def is_due(table: Any) -> Condition:
    """It can be claimed now."""
    return sa.and_(is_pending(table), table.next_attempt_at <= utc_now())


def is_paused(host: Any) -> Condition:
    """An operator has paused this host, or all work."""
    all_work = sa.literal_column(f"'{ALL_WORK}'", sa.Unicode())
    return sa.exists().where(Pause.host.in_([host, all_work]))


def is_expired(table: Any) -> Condition:
    """It is claimed, but its lease has run out."""
    return sa.and_(is_status(table.status, Status.PROCESSING), table.lease_until < utc_now())


def is_held(table: Any, worker: Any) -> Condition:
    """It is claimed by this worker."""
    return sa.and_(is_status(table.status, Status.PROCESSING), table.claimed_by == worker)


def is_whole() -> Condition:
    """All of the request is there; nobody is to see another one."""
    return Request.is_whole == sa.true()


def is_open() -> Condition:
    """The request is not completed."""
    return sa.and_(sa.not_(is_status(Request.status, Status.COMPLETED)), is_whole())


def is_completed() -> Condition:
    """All of the request is done, and everybody sees it."""
    return sa.and_(is_status(Request.status, Status.COMPLETED), is_whole())


def is_old(days: int) -> Condition:
    """It was completed longer ago, by this machine's clock: days are too many milliseconds."""
    return sa.and_(is_completed(), Request.completed_at < datetime.now(UTC) - timedelta(days=days))


def is_partial() -> Condition:
    """The request is being written, was left half-written, or was deleted."""
    return Request.is_whole == sa.false()


def is_abandoned() -> Condition:
    """It is partial, and whoever was at it has stopped; of a deleted one all workers have."""
    is_worked_on = sa.exists().where(
        Image.request_id == Request.id,
        is_status(Image.status, Status.PROCESSING),
        Image.lease_until >= utc_now(),
    )
    return sa.and_(is_partial(), Request.lease_until < utc_now(), sa.not_(is_worked_on))


def is_ready_to_complete() -> Condition:
    """All images of the request have ended, and nobody is writing its output CSV."""
    return sa.and_(
        is_open(),
        Request.completed + Request.failed == Request.total,
        sa.or_(Request.lease_until.is_(None), Request.lease_until < utc_now()),
    )


def is_after(row_number: Any, position: Any) -> Condition:
    """The image is behind this place, written so that the index can start at the row."""
    return sa.and_(
        Image.row_number >= row_number,
        sa.or_(Image.row_number > row_number, Image.position > position),
    )
