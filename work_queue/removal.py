"""Requests that are not whole are removed, some rows at a time: one worker claims each."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Image, Product, Request
from work_queue.predicates import is_abandoned, is_completed, is_old, is_partial
from work_queue.sql_functions import utc_now

HIDDEN_AT_ONCE = 20  # requests, of one transaction
BATCH = 2_000  # images, or products, that go in one transaction


class Removal(NamedTuple):
    """A request that this worker is to remove."""

    id: int
    public_id: uuid.UUID


def hide_old(tx: Connection, key_id: int, days: int) -> bool:
    """Hide some requests of a key that were completed longer ago, so that they are removed.

    Whether there were any.
    """
    old = (
        sa.select(Request.id)
        .where(Request.key_id == key_id, is_old(days))
        .order_by(Request.completed_at)
        .limit(HIDDEN_AT_ONCE)
    )
    hidden = tx.execute(
        sa.update(Request)
        .where(Request.id.in_(old), is_completed())
        .values(is_whole=False, lease_until=utc_now(), idempotency_key=sa.null())
    )
    return hidden.rowcount > 0


def claim_removal(tx: Connection, worker: str, lease_seconds: float) -> Removal | None:
    """Claim a request that was deleted, or left half-written."""
    candidate = tx.scalar(
        sa.select(Request.id).where(is_abandoned()).order_by(Request.lease_until).limit(1)
    )
    if candidate is None:
        return None
    claimed = tx.execute(
        sa.update(Request)
        .where(Request.id == candidate, is_abandoned())
        .values(claimed_by=worker, lease_until=utc_now(lease_seconds))
        .returning(Request.id, Request.public_id)
    ).first()
    return None if claimed is None else Removal(*claimed)


def remove_batch(tx: Connection, worker: str, request_id: int, lease_seconds: float) -> bool:
    """Remove the next rows of a claimed request, and at last the request; False when it is gone.

    It is gone, too, for a worker whose claim was lost to another one.
    """
    renewed = tx.execute(
        sa.update(Request)
        .where(Request.id == request_id, is_partial(), Request.claimed_by == worker)
        .values(lease_until=utc_now(lease_seconds))
    )
    if renewed.rowcount != 1:
        return False
    after = (_row_after(tx, table, request_id) for table in (Product, Image))
    ends = [row for row in after if row is not None]
    if ends:
        rows = sa.and_(Product.request_id == request_id, Product.row_number <= min(ends))
        tx.execute(sa.delete(Product).where(rows))
    else:
        tx.execute(sa.delete(Request).where(Request.id == request_id))
    return bool(ends)


def _row_after(tx: Connection, table: type[Product | Image], request_id: int) -> int | None:
    """The number of the row with which a batch of a table is full, None where there is no more."""
    return tx.scalar(
        sa.select(table.row_number)
        .where(table.request_id == request_id)
        .order_by(table.row_number)
        .offset(BATCH)
        .limit(1)
    )
