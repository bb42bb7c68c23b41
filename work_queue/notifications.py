"""Webhooks as rows: recorded with their request's completion, claimed, and each attempt kept."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.column_types import fit_column
from work_queue.models import MAX_ERROR, Webhook, WebhookAttempt
from work_queue.outcomes import NO_CLAIM
from work_queue.predicates import is_held
from work_queue.sql_functions import utc_now
from work_queue.statements import CLAIM_WEBHOOK, as_json
from work_queue.statuses import Status, is_status


class ClaimedWebhook(NamedTuple):
    """A webhook that this worker holds; ``attempts`` counts the one under way."""

    id: int
    request_id: int
    message_id: uuid.UUID
    url: str
    attempts: int


def add_webhook(tx: Connection, request_id: int, url: str, seconds: float) -> None:
    """Record a webhook, due in ``seconds``."""
    tx.execute(
        sa.insert(Webhook).values(
            request_id=request_id,
            message_id=uuid.uuid4(),
            url=url,
            status=Status.PENDING,
            attempts=0,
            next_attempt_at=utc_now(seconds),
        )
    )


def end_webhooks(tx: Connection, request_id: int) -> None:
    """Deliver none of a request that is at work again: what they say is no longer so."""
    is_open = sa.or_(
        is_status(Webhook.status, Status.PENDING), is_status(Webhook.status, Status.PROCESSING)
    )
    tx.execute(
        sa.update(Webhook)
        .where(Webhook.request_id == request_id, is_open)
        .values(status=Status.FAILED, **NO_CLAIM)
    )


def holds_webhook(tx: Connection, worker: str, webhook: ClaimedWebhook) -> bool:
    """Whether it is to be delivered still, by this claim."""
    held = sa.select(Webhook.id).where(Webhook.id == webhook.id, is_held(Webhook, worker))
    return tx.scalar(held.where(Webhook.attempts == webhook.attempts)) is not None


def claim_webhook(
    tx: Connection, worker: str, *, lease_seconds: float, busy_receivers: Collection[str] = ()
) -> ClaimedWebhook | None:
    """Claim one that is due, unless its URL begins as one of the busy receivers' does."""
    busy = as_json(busy_receivers)
    claimed = CLAIM_WEBHOOK.run(tx, worker=worker, lease=lease_seconds, hosts=busy).first()
    return None if claimed is None else ClaimedWebhook(*claimed)


def record_attempt(
    tx: Connection,
    worker: str,
    webhook: ClaimedWebhook,
    *,
    status_code: int | None,
    duration_ms: int,
    error: str | None,
    retry_seconds: float | None,
) -> None:
    """Write one attempt: delivered without an ``error``; the last one without ``retry_seconds``.

    Where the claim was lost, nothing is written.
    """
    is_retried = error is not None and retry_seconds is not None
    ended = Status.DELIVERED if error is None else Status.FAILED
    settled = tx.execute(
        sa.update(Webhook)
        .where(Webhook.id == webhook.id, is_held(Webhook, worker))
        .where(Webhook.attempts == webhook.attempts)
        .values(
            status=Status.PENDING if is_retried else ended,
            next_attempt_at=utc_now(retry_seconds or 0),
            **NO_CLAIM,
        )
    )
    if settled.rowcount == 1:
        tx.execute(
            sa.insert(WebhookAttempt).values(
                webhook_id=webhook.id,
                number=webhook.attempts,
                attempted_at=utc_now(-duration_ms / 1000),
                status_code=status_code,
                duration_ms=duration_ms,
                error=None if error is None else fit_column(error, MAX_ERROR),
            )
        )
