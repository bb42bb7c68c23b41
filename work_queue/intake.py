"""An upload's rows into the database: all of them, or none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.column_types import fit_column
from work_queue.models import MAX_HOST, Host, Image, Product, Request
from work_queue.sql_functions import exactly, utc_now
from work_queue.statuses import Status

AUTHORITY = re.compile("[/?#]")  # ends the host of a URL, and stands twice before it
CHUNK = 2_000  # rows of one insert: the driver takes them in one go, memory stays small


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


class Stored(NamedTuple):
    """How much was stored."""

    rows: int
    images: int


def store_request(tx: Connection, request: NewRequest, rows: Iterable[ProductRow]) -> Stored:
    """Write a request with all its rows and images, or, where ``rows`` raises, nothing."""
    now = tx.scalar(sa.select(utc_now()))
    counters = dict.fromkeys(
        ("row_count", "total", "completed", "failed", "bytes_in", "bytes_out"), 0
    )
    request_id = tx.scalar(
        sa.insert(Request)
        .values(status=Status.PENDING, created_at=now, **vars(request), **counters)
        .returning(Request.id)
    )
    stored = _store_rows(tx, request_id, rows, now)
    _mark_copies(tx, request_id)
    totals = {"row_count": stored.rows, "total": stored.images}
    tx.execute(sa.update(Request).where(Request.id == request_id).values(**totals))
    return stored


def _store_rows(tx: Connection, request_id: Any, rows: Iterable[ProductRow], now: Any) -> Stored:
    same = {
        "request_id": request_id,
        "status": Status.PENDING,
        "attempts": 0,
        "crash_count": 0,
        "next_attempt_at": now,
    }
    hosts: dict[str, int] = {}
    row_count = image_count = 0
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        images = [same | image for image in _images_of(chunk, hosts)]
        tx.execute(sa.insert(Product), [_product_of(request_id, row) for row in chunk])
        for start in range(0, len(images), CHUNK):
            tx.execute(sa.insert(Image), images[start : start + CHUNK])
        row_count, image_count = row_count + len(chunk), image_count + len(images)
    if hosts:
        named = [{"request_id": request_id, "number": n, "host": h} for h, n in hosts.items()]
        tx.execute(sa.insert(Host), named)
    return Stored(row_count, image_count)


def _mark_copies(tx: Connection, request_id: Any) -> None:
    """A URL that stands many times in a request is worked on once. The database finds them, so
    that no process holds all URLs in its memory."""
    url = exactly(Image.input_url)
    repeated = (
        sa.select(url.label("url"), sa.func.min(Image.id).label("first"))
        .where(Image.request_id == request_id)
        .group_by(url)
        .having(sa.func.count() > 1)
        .subquery()
    )
    tx.execute(
        sa.update(Image)
        .where(Image.request_id == request_id, url == repeated.c.url)
        .where(Image.id > repeated.c.first)
        .values(copy_of=repeated.c.first)
    )


def _product_of(request_id: Any, row: ProductRow) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "row_number": row.number,
        "serial_number": row.serial_number,
        "product_name": row.product_name,
    }


def _images_of(rows: Sequence[ProductRow], hosts: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The images of some rows; a host met for the first time is added to ``hosts``."""
    for row in rows:
        for position, url in enumerate(row.urls, start=1):
            host = fit_column(AUTHORITY.split(url, 3)[2].lower(), MAX_HOST)
            yield {
                "row_number": row.number,
                "position": position,
                "input_url": url,
                "host_number": hosts.setdefault(host, len(hosts) + 1),
            }
