"""How much is waiting, and for how long, for whoever watches the service."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Host, Image, Request, Webhook
from work_queue.predicates import is_open, is_pending
from work_queue.sql_functions import utc_now


class QueueState(NamedTuple):
    """Of all open requests, by the database's clock; seconds are 0 where nothing is due."""

    requests: int
    images: int
    oldest_image_seconds: float
    webhooks: int
    oldest_webhook_seconds: float


# A look at each host of each open request, rather than at each image.
FIRST_OF_HOST = (
    sa.select(sa.func.min(Image.next_attempt_at))
    .where(Image.request_id == Host.request_id, Image.host_number == Host.number)
    .where(is_pending(Image))
    .correlate(Host)
    .scalar_subquery()
)
HOSTS = (
    sa.select(FIRST_OF_HOST.label("first_due"))
    .select_from(Host)
    .join(Request, Request.id == Host.request_id)
    .where(is_open())
    .subquery("hosts_of_open_requests")
)
LEFT = Request.total - Request.completed - Request.failed
QUEUE_STATE = sa.select(
    utc_now(),
    sa.select(sa.func.count()).select_from(Request).where(is_open()).scalar_subquery(),
    sa.select(sa.func.sum(LEFT)).where(is_open()).scalar_subquery(),
    sa.select(sa.func.min(HOSTS.c.first_due)).scalar_subquery(),
    sa.select(sa.func.count()).select_from(Webhook).where(is_pending(Webhook)).scalar_subquery(),
    sa.select(sa.func.min(Webhook.next_attempt_at)).where(is_pending(Webhook)).scalar_subquery(),
)
OLDEST_IMAGE = sa.select(utc_now(), sa.select(sa.func.min(HOSTS.c.first_due)).scalar_subquery())


def queue_state(tx: Connection) -> QueueState:
    """What is left to do, in one statement; its cost grows with open requests and their hosts."""
    now, requests, images, image_due, webhooks, webhook_due = tx.execute(QUEUE_STATE).one()
    return QueueState(
        requests,
        int(images or 0),
        _seconds(now, image_due),
        webhooks,
        _seconds(now, webhook_due),
    )


def oldest_due_seconds(tx: Connection) -> float | None:
    """For how long the image that is due longest has waited; None where none is due."""
    now, due = tx.execute(OLDEST_IMAGE).one()
    return _seconds(now, due) or None


def _seconds(now: datetime, due: datetime | None) -> float:
    return max((now - due).total_seconds(), 0) if due else 0
