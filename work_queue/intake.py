"""An upload's rows into the database: all of them, or none.

A large upload is written in steps, so that no other writer waits for more than one of them. Nobody
sees the request before it is whole; what is left of one that broke off is removed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from database import Database, Unavailable
from work_queue.api_keys import Bounds, check_room
from work_queue.bulk_insert import BulkInsert
from work_queue.column_types import fit_column
from work_queue.models import MAX_HOST, NO_KEY, Host, Image, Product, Request
from work_queue.predicates import is_partial
from work_queue.sql_functions import utc_now
from work_queue.statements import FIND_COPIES, MARK_COPIES, as_json
from work_queue.statuses import Status

Copy = sa.Row[*tuple[Any, ...]]  # of an image, and of the first one with its URL
AUTHORITY = re.compile("[/?#]")  # ends the host of a URL, and stands twice before it
BATCH = 8_000  # rows and images of one step: some 50 ms
KEY_SECONDS = 86_400
STEP_SECONDS = 300  # after which an upload that takes no further step has broken off


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
    reading: str | None = None
    webhook_url: str | None = None
    reduce_by: int = 50
    format: str = "keep"
    max_width: int | None = None
    max_height: int | None = None
    max_bytes: int | None = None
    keep_dimensions: bool = False
    names: str = "position"
    preset: str | None = None
    idempotency_key: str | None = None
    content_hash: str | None = None
    key_id: int = NO_KEY


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


@dataclass
class Batch:
    """The rows of one step, as tuples of the columns that are inserted."""

    products: list[tuple[int, str, str]] = field(default_factory=list)
    images: list[tuple[int, int, str, int]] = field(default_factory=list)
    hosts: list[tuple[int, str]] = field(default_factory=list)

    def is_full(self) -> bool:
        return len(self.products) + len(self.images) >= BATCH


class KeyTaken(Exception):  # noqa: N818 - it is what happened, not a mistake of ours
    """There is a request with this idempotency key already."""


def forget_old_keys(tx: Connection) -> None:
    """An idempotency key is free again after a day."""
    is_old = Request.created_at < utc_now(-KEY_SECONDS)
    tx.execute(
        sa.update(Request)
        .where(Request.idempotency_key.is_not(None), is_old)
        .values(idempotency_key=sa.null(), content_hash=sa.null())
    )


def store_request(
    db: Database,
    request: NewRequest,
    rows: Iterable[ProductRow],
    bounds: Bounds | None = None,
) -> Stored:
    """Write a request with all its rows and images, or, where ``rows`` raises, nothing.

    Raises KeyTaken; NoRoom, where its key has too much under way then; and Unavailable: then the
    request may be there all the same, if a last answer was lost.
    """
    batches = _batches(rows)
    first, second = next(batches, Batch()), next(batches, None)
    if second is None:
        return db.write(_store_at_once, request, first, bounds)
    return _store_in_steps(db, request, chain((first, second), batches), bounds)


def _batches(rows: Iterable[ProductRow]) -> Iterator[Batch]:
    hosts: dict[str, int] = {}
    batch = Batch()
    for row in rows:
        batch.products.append((row.number, row.serial_number, row.product_name))
        for position, url in enumerate(row.urls, start=1):
            host = fit_column(AUTHORITY.split(url, 3)[2].lower(), MAX_HOST)
            if host not in hosts:
                hosts[host] = len(hosts) + 1
                batch.hosts.append((hosts[host], host))
            batch.images.append((row.number, position, url, hosts[host]))
        if batch.is_full():
            yield batch
            batch = Batch()
    if batch.products:
        yield batch


def _store_at_once(
    tx: Connection, request: NewRequest, batch: Batch, bounds: Bounds | None
) -> Stored:
    """A small upload in one transaction; after a lost answer, what is there already."""
    stored = Stored(len(batch.products), len(batch.images))
    if _id_of(tx, request) is None:
        request_id = _insert(tx, request, row_count=stored.rows, total=stored.images)
        if bounds:
            check_room(tx, request.key_id, bounds)
        _insert_rows(tx, request_id, batch)
        _mark_copies(tx, _find_copies(tx, request_id))
    return stored


def _store_in_steps(
    db: Database, request: NewRequest, batches: Iterable[Batch], bounds: Bounds | None
) -> Stored:
    request_id = db.write(_begin, request)
    rows = images = 0
    try:
        for batch in batches:
            db.write(_add, request_id, batch)
            rows, images = rows + len(batch.products), images + len(batch.images)
        copies = db.read(_find_copies, request_id)
        for start in range(0, len(copies), BATCH):
            db.write(_mark_copies, copies[start : start + BATCH])
        db.write(_finish, request_id, request.key_id, Stored(rows, images), bounds)
    except BaseException:
        with suppress(Unavailable):  # then its lease runs out
            db.write(_give_up, request_id)
        raise
    return Stored(rows, images)


def _begin(tx: Connection, request: NewRequest) -> int:
    """A request that nobody sees yet; after a lost answer, the one that is there already."""
    found = _id_of(tx, request)
    hidden = {"row_count": 0, "total": 0, "is_whole": False, "lease_until": utc_now(STEP_SECONDS)}
    return _insert(tx, request, **hidden) if found is None else found


def _add(tx: Connection, request_id: int, batch: Batch) -> None:
    """Some rows with their images; after a lost answer they are there already."""
    if not _update_partial(tx, request_id, lease_until=utc_now(STEP_SECONDS)):
        raise Unavailable("an upload took too long and was taken for one that broke off")
    number = batch.products[0][0]
    first = sa.and_(Product.request_id == request_id, Product.row_number == number)
    if tx.scalar(sa.select(Product.row_number).where(first)) is None:
        _insert_rows(tx, request_id, batch)


def _finish(
    tx: Connection, request_id: int, key_id: int, stored: Stored, bounds: Bounds | None
) -> None:
    """From here on everybody sees it; after a lost answer they do already."""
    size = {"row_count": stored.rows, "total": stored.images}
    if _update_partial(tx, request_id, **size, is_whole=True, lease_until=None):
        if bounds:
            check_room(tx, key_id, bounds)
        return
    if tx.scalar(sa.select(Request.is_whole).where(Request.id == request_id)) is not True:
        raise Unavailable("an upload took too long and was taken for one that broke off")


def _give_up(tx: Connection, request_id: int) -> None:
    """Let it be removed; not if it is whole after all."""
    _update_partial(tx, request_id, lease_until=utc_now())


def _update_partial(tx: Connection, request_id: int, **values: Any) -> bool:
    """False where it is whole, or being removed."""
    own = sa.and_(Request.id == request_id, is_partial(), Request.claimed_by.is_(None))
    return tx.execute(sa.update(Request).where(own).values(**values)).rowcount == 1


def _id_of(tx: Connection, request: NewRequest) -> int | None:
    return tx.scalar(sa.select(Request.id).where(Request.public_id == request.public_id))


def _insert(tx: Connection, request: NewRequest, **values: Any) -> int:
    counters = dict.fromkeys(("completed", "failed", "bytes_in", "bytes_out"), 0)
    new = sa.insert(Request).values(
        status=Status.PENDING, created_at=utc_now(), **vars(request), **counters, **values
    )
    try:
        return tx.execute(new.returning(Request.id)).scalar_one()
    except IntegrityError:
        if request.idempotency_key is None:
            raise
        raise KeyTaken from None


def _insert_rows(tx: Connection, request_id: int, batch: Batch) -> None:
    PRODUCTS.run(tx, request_id, batch.products)
    for table, rows in ((IMAGES, batch.images), (HOSTS, batch.hosts)):
        if rows:
            table.run(tx, request_id, rows)


def _find_copies(tx: Connection, request_id: int) -> Sequence[Copy]:
    return FIND_COPIES.run(tx, request_id=request_id).all()


def _mark_copies(tx: Connection, copies: Sequence[Copy]) -> None:
    if copies:
        rows = [{"id": image_id, "copy_of": first_id} for image_id, first_id in copies]
        MARK_COPIES.run(tx, rows=as_json(rows))
