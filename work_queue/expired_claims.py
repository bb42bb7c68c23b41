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
from work_queue.outcomes import NO_CLAIM, EndedImage, end_images, outcome_row
from work_queue.predicates import is_expired
from work_queue.sql_functions import utc_now
from work_queue.statements import COUNT_CRASH, as_json
from work_queue.statuses import Status

STOPPED_THE_WORKER = "stopped_the_worker"  # the code of a poison image
SKIP_LOCKED = "WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)"  # recorded just now is not expired


def count_crash(tx: Connection, worker: str, image: ClaimedImage) -> bool:
    """Count, before it is tried again, an image whose earlier worker crashed.

    It is tried alone: if this worker crashes too, the image is to blame. False where the claim was
    lost: then it is not this worker's to try.
    """
    return COUNT_CRASH.run(tx, worker=worker, ids=as_json([image.id])).rowcount == 1


def release_expired(tx: Connection, claim_limit: int) -> int:
    """Release the claims of workers that crashed; returns how many poison images have failed.

    Locks are taken in the order of all transactions: images, requests, webhooks.
    """
    poison = _fail_poison_images(tx, claim_limit)
    at_least_one = sa.case((Image.crash_count == 0, 1), else_=Image.crash_count)
    _release(tx, Image, crash_count=at_least_one)
    end_images(tx, poison)
    _release(tx, Webhook)
    return len(poison)


def _release(tx: Connection, table: Any, **values: Any) -> None:
    tx.execute(
        sa.update(table)
        .with_hint(SKIP_LOCKED, dialect_name="mssql")
        .where(is_expired(table))
        .values(status=Status.PENDING, attempts=table.attempts - 1, **NO_CLAIM, **values)
    )


def _fail_poison_images(tx: Connection, claim_limit: int) -> list[EndedImage]:
    error = {
        "error_code": STOPPED_THE_WORKER,
        "error_message": f"This image stopped the worker {claim_limit} times.",
    }
    failed = tx.execute(
        sa.update(Image)
        .with_hint(SKIP_LOCKED, dialect_name="mssql")
        .where(is_expired(Image), Image.crash_count >= claim_limit)
        .values(status=Status.FAILED, completed_at=utc_now(), **error, **NO_CLAIM)
        .returning(Image.request_id, Image.id, Image.attempts, Image.crash_count)
    )
    return [
        EndedImage(
            request_id,
            outcome_row(
                image_id, Status.FAILED, attempts=attempts, crash_count=crash_count, **error
            ),
        )
        for request_id, image_id, attempts, crash_count in failed
    ]
