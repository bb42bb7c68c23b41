"""Outcomes: how claims of images ended, recorded with their requests' counters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, Self, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from work_queue.claims import ClaimedImage
from work_queue.column_types import fit_column
from work_queue.models import MAX_ERROR, Figures, Image, Request
from work_queue.predicates import is_held, is_pending_copy
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status

IMAGES = cast(sa.Table, Image.__table__)
KEEP_LOCKED = "WITH (ROWLOCK, UPDLOCK)"
# NULL in the statement: as a parameter the driver would ask the server for its type each time.
NO_CLAIM: dict[str, Any] = {"claimed_by": sa.null(), "lease_until": sa.null()}
NO_RESULT: dict[str, Any] = dict.fromkeys(
    ("error_code", "error_message", "output_name", "input_bytes", "output_bytes", *Figures._fields)
)


@dataclass(frozen=True)
class Outcome:
    """How one claim of an image ended, and the columns that say so.

    Where the status is Pending again, the image is due again after ``wait`` seconds.
    """

    image: ClaimedImage
    status: Status
    columns: dict[str, Any]
    wait: float = 0.0

    @classmethod
    def completed(
        cls,
        image: ClaimedImage,
        *,
        output_name: str,
        input_bytes: int,
        output_bytes: int,
        figures: Figures,
    ) -> Self:
        sizes = {"input_bytes": input_bytes, "output_bytes": output_bytes}
        columns = {"output_name": output_name, **sizes, **figures._asdict()}
        return cls(image, Status.COMPLETED, columns)

    @classmethod
    def failed(cls, image: ClaimedImage, code: str, message: str) -> Self:
        return cls(image, Status.FAILED, _error(code, message))

    @classmethod
    def retry(cls, image: ClaimedImage, seconds: float, code: str, message: str) -> Self:
        """It failed, but trying again in ``seconds`` may help."""
        return cls(image, Status.PENDING, _error(code, message), seconds)

    @classmethod
    def release(cls, image: ClaimedImage, seconds: float = 0) -> Self:
        """Not worked on, through no fault of the image: it is due again in ``seconds``."""
        as_before = {"attempts": image.attempts - 1, "crash_count": image.crash_count}
        return cls(image, Status.PENDING, as_before, seconds)

    @property
    def ends_image(self) -> bool:
        """Whether the image is completed or failed, rather than to be tried again."""
        return self.status is not Status.PENDING


class SettledImage(NamedTuple):
    """An image that has an outcome; as many ``copies`` of it have the same one."""

    request_id: int
    status: Status
    columns: dict[str, Any]
    copies: int


class HeldImage(NamedTuple):
    """An image that a worker holds: the attempt under way, and how many copies wait for it."""

    id: int
    attempts: int
    copies: int


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "error_message": fit_column(message, MAX_ERROR)}


# --- the statements -----------------------------------------------------------------------------


@cache
def held_images() -> sa.Select[*tuple[Any, ...]]:
    """Those of some images that a worker still holds; nobody else can take them meanwhile."""
    copy = aliased(Image)
    copies = sa.select(sa.func.count()).select_from(copy).where(is_pending_copy(copy, Image.id))
    return (
        sa.select(Image.id, Image.attempts, copies.scalar_subquery().label("copies"))
        .with_hint(Image, KEEP_LOCKED, "mssql")
        .where(Image.id.in_(sa.bindparam("ids", expanding=True)))
        .where(is_held(Image, sa.bindparam("worker")))
    )


@cache
def update_image() -> sa.Update:
    """The columns of one image; its parameters are those columns, and ``image_id``."""
    return sa.update(IMAGES).where(Image.id == sa.bindparam("image_id"))


@cache
def add_to_counters() -> sa.UpdateBase:
    """Add to a request's counters, and return how many images have ended, and how many it has."""
    counters = ("completed", "failed", "bytes_in", "bytes_out")
    return (
        sa.update(Request)
        .where(Request.id == sa.bindparam("counted"))
        .values({name: getattr(Request, name) + sa.bindparam(f"more_{name}") for name in counters})
        .returning(Request.completed + Request.failed, Request.total)
    )


# --- the steps ----------------------------------------------------------------------------------


def record_outcomes(tx: Connection, worker: str, outcomes: Collection[Outcome]) -> bool:
    """Write how claims ended, and the counters with them, in one transaction.

    The copies of an image get its outcome, too. A claim that another worker has taken over since
    is left alone. True when the last image of a request has ended now.
    """
    now = tx.execute(sa.select(utc_now())).scalar_one()
    held = _held(tx, worker, [outcome.image.id for outcome in outcomes])
    updates, settled = [], []
    for outcome in outcomes:
        image = outcome.image
        found = held.get(image.id)
        if found is None or found.attempts != image.attempts:
            continue
        columns = _columns(outcome, now)
        updates.append({"image_id": image.id, **columns})
        settled.append(
            SettledImage(image.request_id, outcome.status, outcome.columns, found.copies)
        )
        if found.copies and outcome.ends_image:
            settle_copies(tx, image.id, columns)
    if updates:
        tx.execute(update_image(), updates)
    return count_settled(tx, settled)


def _held(tx: Connection, worker: str, ids: list[int]) -> dict[int, HeldImage]:
    rows = tx.execute(held_images(), {"ids": ids, "worker": worker})
    return {image.id: image for image in (HeldImage(*row) for row in rows)}


def _columns(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """All columns that any outcome sets: rows of one shape go to the server in one batch."""
    return {
        "status": outcome.status,
        "claimed_by": None,
        "lease_until": None,
        "attempts": outcome.image.attempts,
        "crash_count": outcome.image.crash_count,
        "next_attempt_at": now + timedelta(seconds=outcome.wait),
        "completed_at": now if outcome.ends_image else None,
        **NO_RESULT,
        **outcome.columns,
    }


def settle_copies(tx: Connection, image_id: int, columns: dict[str, Any]) -> int:
    """Give the copies of an image its outcome; returns how many there are."""
    values = {name: sa.null() if value is None else value for name, value in columns.items()}
    copies = sa.update(Image).where(is_pending_copy(Image, image_id)).values(values)
    return tx.execute(copies).rowcount


def count_settled(tx: Connection, settled: Iterable[SettledImage]) -> bool:
    """Add images to the counters of their requests, in one order for all workers.

    True when that was the last image of a request.
    """
    ended = [image for image in settled if image.status is not Status.PENDING]
    by_request = attrgetter("request_id")
    has_ended = False
    for request_id, group in groupby(sorted(ended, key=by_request), key=by_request):
        added = tx.execute(add_to_counters(), {"counted": request_id, **_added(group)}).first()
        has_ended = has_ended or (added is not None and added[0] == added[1])
    return has_ended


def _added(settled: Iterable[SettledImage]) -> dict[str, int]:
    completed = failed = bytes_in = bytes_out = 0
    for image in settled:
        images = 1 + image.copies
        if image.status is Status.COMPLETED:
            completed += images
            bytes_in += images * image.columns["input_bytes"]
            bytes_out += images * image.columns["output_bytes"]
        else:
            failed += images
    return {
        "more_completed": completed,
        "more_failed": failed,
        "more_bytes_in": bytes_in,
        "more_bytes_out": bytes_out,
    }
