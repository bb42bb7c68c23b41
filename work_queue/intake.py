"""An upload's rows into the database: all of them, or none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.bulk_insert import BulkInsert
from work_queue.column_types import fit_column
from work_queue.models import MAX_HOST, Host, Image, Product, Request
from work_queue.sql_functions import utc_now
from work_queue.statements import MARK_COPIES
from work_queue.statuses import Status

AUTHORITY = re.compile("[/?#]")  # ends the host of a URL, and stands twice before it
CHUNK = 2_000  # rows of one insert, so that memory stays small


class ProductRow(Protocol):
    """What intake needs of a row of the CSV."""

    @property
    def number(self) -> int: ...
    @property
    def serial_number(self) -> str: ...
    @property
    def product_name(self) -> str: ...
    @property
    def urls(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, kw_only=True)
class NewRequest:
    """An upload, before its rows are read; the fields are columns of ``requests``."""

    public_id: uuid.UUID
    file_name: str
    url_column: str | None = None
    webhook_url: str | None = None
    reduce_by: int = 50
    format: str = "keep"
    max_width: int | None = None
    max_height: int | None = None
    max_bytes: int | None = None
    keep_dimensions: bool = False


class Stored(NamedTuple):
    """How much was stored."""

    rows: int
    images: int


PRODUCTS = BulkInsert(Product, ("row_number", "serial_number", "product_name"), {})
IMAGES = BulkInsert(
    Image,
    ("row_number", "position", "input_url", "host_number"),
    {"status": "'Pending'", "attempts": "0", "crash_count": "0", "next_attempt_at": "{now}"},
)
HOSTS = BulkInsert(Host, ("number", "host"), {})


def store_request(tx: Connection, request: NewRequest, rows: Iterable[ProductRow]) -> Stored:
    """Write a request with all its rows and images, or, where ``rows`` raises, nothing.

    It may be run again after the answer to a commit was lost: what is there already is returned.
    """
    if stored := _stored_before(tx, request.public_id):
        return stored
    counters = dict.fromkeys(
        ("row_count", "total", "completed", "failed", "bytes_in", "bytes_out"), 0
    )
    request_id = tx.execute(
        sa.insert(Request)
        .values(status=Status.PENDING, created_at=utc_now(), **vars(request), **counters)
        .returning(Request.id)
    ).scalar_one()
    stored = _store_rows(tx, request_id, rows)
    MARK_COPIES.run(tx, request_id=request_id)
    totals = {"row_count": stored.rows, "total": stored.images}
    tx.execute(sa.update(Request).where(Request.id == request_id).values(**totals))
    return stored


def _stored_before(tx: Connection, public_id: uuid.UUID) -> Stored | None:
    found = tx.execute(
        sa.select(Request.row_count, Request.total).where(Request.public_id == public_id)
    ).first()
    return None if found is None else Stored(*found)


def _store_rows(tx: Connection, request_id: int, rows: Iterable[ProductRow]) -> Stored:
    hosts: dict[str, int] = {}
    row_count = image_count = 0
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        images = list(_images_of(chunk, hosts))
        PRODUCTS.run(
            tx, request_id, [(row.number, row.serial_number, row.product_name) for row in chunk]
        )
        for start in range(0, len(images), CHUNK):
            IMAGES.run(tx, request_id, images[start : start + CHUNK])
        row_count, image_count = row_count + len(chunk), image_count + len(images)
    if hosts:
        HOSTS.run(tx, request_id, [(number, host) for host, number in hosts.items()])
    return Stored(row_count, image_count)


def _images_of(
    rows: Sequence[ProductRow], hosts: dict[str, int]
) -> Iterator[tuple[int, int, str, int]]:
    """The images of some rows; a host met for the first time is added to ``hosts``."""
    for row in rows:
        for position, url in enumerate(row.urls, start=1):
            host = fit_column(AUTHORITY.split(url, 3)[2].lower(), MAX_HOST)
            yield row.number, position, url, hosts.setdefault(host, len(hosts) + 1)
