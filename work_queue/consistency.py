"""What a request's rows say, for whoever compares them with its counters and files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from work_queue.models import Image, Request
from work_queue.predicates import is_whole
from work_queue.statuses import Status, is_status

PAGE = 500  # requests that are read at once
NAMES = 2_000


class Counted(NamedTuple):
    """A request: its counters, and the same as its images have them."""

    id: int
    public_id: uuid.UUID
    status: Status
    counters: tuple[int, ...]  # total, completed, failed
    rows: tuple[int, ...]


def counted_requests(db: Database) -> Iterator[Counted]:
    """All requests, in pages, the oldest first."""
    last = 0
    while page := db.read(_page, last):
        yield from page
        last = page[-1].id


def _page(tx: Connection, last: int) -> list[Counted]:
    of_page = (
        sa.select(Request.id).where(Request.id > last, is_whole()).order_by(Request.id).limit(PAGE)
    ).subquery()
    number = sa.func.count(Image.id)
    ended = [
        sa.func.sum(sa.case((Image.status == each, 1), else_=0))
        for each in (Status.COMPLETED, Status.FAILED)
    ]
    columns = (Request.id, Request.public_id, Request.status)
    counters = (Request.total, Request.completed, Request.failed)
    found = tx.execute(
        sa.select(*columns, *counters, number, *ended)
        .join(of_page, of_page.c.id == Request.id)
        .outerjoin(Image, Image.request_id == Request.id)
        .group_by(*columns, *counters)
        .order_by(Request.id)
    )
    return [_counted(row) for row in found]


def _counted(row: sa.Row[*tuple[Any, ...]]) -> Counted:
    request_id, public_id, status, *numbers = row
    counters, rows = numbers[:3], [int(number or 0) for number in numbers[3:]]
    return Counted(request_id, public_id, status, tuple(counters), tuple(rows))


def output_names(db: Database, request_id: int) -> Iterator[str]:
    """The files that the images of a request have, in pages."""
    last = 0
    while page := db.read(_names, request_id, last):
        yield from (name for _, name in page if name)
        last = page[-1][0]


def _names(tx: Connection, request_id: int, last: int) -> list[tuple[int, str | None]]:
    found = tx.execute(
        sa.select(Image.id, Image.output_name)
        .where(Image.request_id == request_id, Image.id > last)
        .order_by(Image.id)
        .limit(NAMES)
    )
    return [(image_id, name) for image_id, name in found]


def needs_file(tx: Connection, image_id: int) -> bool:
    """Whether the image has a file, or is worked on and may get one any moment."""
    needs = sa.or_(is_status(Image.status, Status.PROCESSING), Image.output_name.is_not(None))
    return tx.scalar(sa.select(Image.id).where(Image.id == image_id, needs)) is not None


def is_completed(tx: Connection, request_id: int) -> bool:
    """Whether all of the request's images have ended, and its output CSV is written."""
    completed = is_status(Request.status, Status.COMPLETED)
    return tx.scalar(sa.select(Request.id).where(Request.id == request_id, completed)) is not None


def is_there(tx: Connection, public_id: uuid.UUID) -> bool:
    """Whether there is a request with this id that everybody sees."""
    there = sa.select(Request.id).where(Request.public_id == public_id, is_whole())
    return tx.scalar(there) is not None


def is_known(tx: Connection, public_id: uuid.UUID) -> bool:
    """Whether there is a request with this id, also one that is being written or removed."""
    known = sa.select(Request.id).where(Request.public_id == public_id)
    return tx.scalar(known) is not None
