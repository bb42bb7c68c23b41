"""Expired claims are released; poison images, which crash every worker, fail.

An image whose worker crashed may be to blame: it is counted and then tried alone. One that was
tried alone and crashed its worker too often is a poison image.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.claims import ClaimedImage
from work_queue.models import Image, Webhook
from work_queue.outcomes import NO_CLAIM, SettledImage, count_settled, settle_copies
from work_queue.predicates import is_expired, is_held
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status


def count_crash(tx: Connection, worker: str, image: ClaimedImage) -> None:
    """Count, before it is tried again, an image whose earlier worker crashed.

    It is tried alone: if this worker crashes too, the image is to blame.
    """
    tx.execute(
        sa.update(Image)
        .where(Image.id == image.id, is_held(Image, worker))
        .values(crash_count=Image.crash_count + 1)
    )


def release_expired(tx: Connection, claim_limit: int) -> None:
    """Release the claims of workers that crashed; poison images have failed."""
    _fail_poison_images(tx, claim_limit)
    at_least_one = sa.case((Image.crash_count == 0, 1), else_=Image.crash_count)
    for table, values in ((Image, {"crash_count": at_least_one}), (Webhook, {})):
        tx.execute(
            sa.update(table)
            .where(is_expired(table))
            .values(status=Status.PENDING, attempts=table.attempts - 1, **NO_CLAIM, **values)
        )


def _fail_poison_images(tx: Connection, claim_limit: int) -> None:
    failure: dict[str, Any] = {
        "status": Status.FAILED,
        "completed_at": utc_now(),
        "error_code": "stopped_the_worker",
        "error_message": f"This image stopped the worker {claim_limit} times.",
        **NO_CLAIM,
    }
    failed = tx.execute(
        sa.update(Image)
        .where(is_expired(Image), Image.crash_count >= claim_limit)
        .values(failure)
        .returning(Image.id, Image.request_id)
    ).all()
    settled = [
        SettledImage(request_id, Status.FAILED, {}, settle_copies(tx, image_id, failure))
        for image_id, request_id in failed
    ]
    count_settled(tx, settled)
