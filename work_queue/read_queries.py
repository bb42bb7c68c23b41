"""What polls, pages and webhooks read, as typed rows; its cost doesn't grow with the request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.catalogue_faults import HAS_FAULT, Fault
from work_queue.models import Figures, Image, Product, Request, Webhook, WebhookAttempt
from work_queue.predicates import is_after, is_whole
from work_queue.statuses import Status, is_status

PAGE = 2_000  # rows of a request that are read at once


class RequestRow(NamedTuple):
    """A request with its options and counters; the times are UTC."""

    id: int
    public_id: uuid.UUID
    status: Status
    file_name: str
    url_column: str | None
    reading: str | None
    webhook_url: str | None
    reduce_by: int
    format: str
    max_width: int | None
    max_height: int | None
    max_bytes: int | None
    keep_dimensions: bool
    names: str
    preset: str | None
    total: int
    completed: int
    failed: int
    bytes_in: int
    bytes_out: int
    created_at: datetime
    completed_at: datetime | None
    key_id: int


class ImageRow(NamedTuple):
    """An image with its product, as the status shows it."""

    row_number: int
    position: int
    serial_number: str
    product_name: str
    input_url: str
    output_name: str | None
    status: str
    attempts: int
    error_code: str | None
    error_message: str | None
    input_bytes: int | None
    output_bytes: int | None
    content_hash: str | None
    figures: Figures


class CompletedImage(NamedTuple):
    """An image that went well; a copy has the same file as an earlier one."""

    row_number: int
    position: int
    input_url: str
    output_name: str
    copy_of: int | None


class EndedImage(NamedTuple):
    """An image as its request's end left it; without an ``output_name`` it failed."""

    row_number: int
    position: int
    input_url: str
    output_name: str | None
    output_bytes: int | None
    width: int | None
    height: int | None
    format: str | None


class ProductRow(NamedTuple):
    """A row of the CSV, without its URLs."""

    row_number: int
    serial_number: str
    product_name: str


class WebhookRow(NamedTuple):
    """A notification: what became of it, and when it is due again."""

    id: int
    status: Status
    next_attempt_at: datetime


class AttemptRow(NamedTuple):
    """One attempt to deliver; without a ``status_code`` the receiver did not answer."""

    attempted_at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None


class FoundRequest(NamedTuple):
    """A request with its newest webhook, if there is one yet, and the attempts to deliver it."""

    request: RequestRow
    webhook: WebhookRow | None
    attempts: list[AttemptRow]


def _columns(table: Any, row: type[Any]) -> list[Any]:
    """The columns of a table that a row names."""
    return [getattr(table, name) for name in row._fields]


AT_FIGURES = ImageRow._fields.index("figures")  # of the columns that IMAGES selects
# Statements that are polled are made once: to make one costs more than to run it.
REQUESTS = sa.select(*_columns(Request, RequestRow))
REQUEST_WITH_WEBHOOKS: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        *_columns(Request, RequestRow),
        *_columns(Webhook, WebhookRow),
        *_columns(WebhookAttempt, AttemptRow),
    )
    .outerjoin(Webhook, Webhook.request_id == Request.id)
    .outerjoin(WebhookAttempt, WebhookAttempt.webhook_id == Webhook.id)
    .where(Request.public_id == sa.bindparam("public_id"), is_whole())
    .order_by(Webhook.id.desc(), WebhookAttempt.number)
)
AT_WEBHOOK = len(RequestRow._fields)  # of the columns of that statement
AT_ATTEMPT = AT_WEBHOOK + len(WebhookRow._fields)
ALL_IMAGES: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        *(Image.row_number, Image.position),
        *(Product.serial_number, Product.product_name, Image.input_url, Image.output_name),
        sa.type_coerce(Image.status, sa.Unicode()),
        *(Image.attempts, Image.error_code, Image.error_message),
        *(Image.input_bytes, Image.output_bytes, Image.content_hash, *_columns(Image, Figures)),
    )
    .join(
        Product,
        sa.and_(Product.request_id == Image.request_id, Product.row_number == Image.row_number),
    )
    .where(Image.request_id == sa.bindparam("request_id"))
    .limit(sa.bindparam("limit"))
)
BEHIND = is_after(sa.bindparam("row_number"), sa.bindparam("position"))
IMAGES = ALL_IMAGES.where(BEHIND).order_by(Image.row_number, Image.position)
COMPLETED_IMAGES = (
    sa.select(*_columns(Image, CompletedImage))
    .where(Image.request_id == sa.bindparam("request_id"), Image.output_name.is_not(None), BEHIND)
    .order_by(Image.row_number, Image.position)
    .limit(PAGE)
)


class Sort(StrEnum):
    """The order of a request's images; ties are in the order of the CSV."""

    ROW = "row"
    WORST = "worst"
    SAVED = "saved"
    BYTES = "bytes"


# What a page is sorted by, as whole numbers, the first first: so a link can carry the last one.
MILLION = 1_000_000
NO_FIGURE = 2**31  # behind all that have one
IS_COMPLETED = is_status(Image.status, Status.COMPLETED)
INPUT_BYTES = sa.func.nullif(Image.input_bytes, 0, type_=sa.Integer())
KEPT = sa.cast(Image.output_bytes, sa.BigInteger) * MILLION // INPUT_BYTES
SORT_KEYS: dict[Sort, sa.ColumnElement[int]] = {
    Sort.WORST: sa.case(
        (is_status(Image.status, Status.FAILED), 0),
        (sa.and_(IS_COMPLETED, Image.target_met == sa.false()), 100 * MILLION - KEPT),
        (IS_COMPLETED, 200 * MILLION - KEPT),
        else_=NO_FIGURE,
    ),
    Sort.SAVED: sa.case((IS_COMPLETED, KEPT), else_=NO_FIGURE),
    Sort.BYTES: sa.case((IS_COMPLETED, NO_FIGURE - 1 - Image.output_bytes), else_=NO_FIGURE),
}


def find_request(tx: Connection, public_id: uuid.UUID) -> FoundRequest | None:
    """The request that users know by this id, and how its notification goes, in one message."""
    rows = tx.execute(REQUEST_WITH_WEBHOOKS, {"public_id": public_id}).all()
    if not rows:
        return None
    request = RequestRow._make(rows[0][:AT_WEBHOOK])
    newest = rows[0][AT_WEBHOOK:AT_ATTEMPT]
    if newest[0] is None:
        return FoundRequest(request, None, [])
    attempts = [
        AttemptRow._make(row[AT_ATTEMPT:])
        for row in rows
        if row[AT_WEBHOOK] == newest[0] and row[AT_ATTEMPT] is not None
    ]
    return FoundRequest(request, WebhookRow._make(newest), attempts)


class KeyedRequest(NamedTuple):
    """The request that an idempotency key made; partial while its rows are written."""

    public_id: uuid.UUID
    content_hash: str | None
    is_whole: bool
    row_count: int
    total: int


def find_by_key(tx: Connection, idempotency_key: str) -> KeyedRequest | None:
    of_key = Request.idempotency_key == idempotency_key
    found = tx.execute(sa.select(*_columns(Request, KeyedRequest)).where(of_key)).first()
    return None if found is None else KeyedRequest(*found)


def find_requests(
    tx: Connection,
    *,
    key_id: int | None,
    before: uuid.UUID | None,
    limit: int,
    status: Status | None = None,
    q: str | None = None,
) -> list[RequestRow] | None:
    """A page of requests, the newest first, behind one; None where that one is not there.

    Those of a key, or of all.
    ``q`` is a part of the file's name.
    """
    listed = REQUESTS.where(is_whole()).order_by(Request.id.desc()).limit(limit)
    if before is not None:
        last = tx.execute(
            sa.select(Request.id, Request.key_id).where(Request.public_id == before)
        ).first()
        if last is None or key_id not in (None, last.key_id):
            return None
        listed = listed.where(Request.id < last.id)
    if key_id is not None:
        listed = listed.where(Request.key_id == key_id)
    if status is not None:
        listed = listed.where(is_status(Request.status, status))
    if q is not None:
        listed = listed.where(Request.file_name.icontains(q, autoescape=True))
    return [RequestRow(*request) for request in tx.execute(listed)]


def get_request(tx: Connection, request_id: int) -> RequestRow:
    """A request that is known to exist."""
    return RequestRow(*tx.execute(REQUESTS.where(Request.id == request_id)).one())


def find_images(
    tx: Connection,
    request_id: int,
    *,
    after: tuple[int, int],
    limit: int,
    status: Status | None = None,
    fault: Fault | None = None,
    q: str | None = None,
) -> list[ImageRow]:
    """A page of images with their products, in the order of the CSV, behind a (row, position).

    ``q`` is a part of the serial number, the product name or the URL.
    """
    row_number, position = after
    place = {"request_id": request_id, "row_number": row_number, "position": position}
    page = tx.execute(_chosen(IMAGES, status, fault, q), {**place, "limit": limit})
    return [_image_row(*image) for image in page]


def find_sorted_images(
    tx: Connection,
    request_id: int,
    sort: Sort,
    *,
    after: tuple[int, int, int],
    limit: int,
    status: Status | None = None,
    fault: Fault | None = None,
    q: str | None = None,
) -> list[tuple[int, ImageRow]]:
    """A page of images in another order, each with its sort key, behind a (key, row, position).

    All images of the request are read for it, as for ``q``: an index would have to be written with
    each image that ends.
    """
    last, row_number, position = after
    place = {"request_id": request_id, "row_number": row_number, "position": position}
    key = SORT_KEYS[sort].label("sort_key")
    is_behind = sa.or_(SORT_KEYS[sort] > last, sa.and_(SORT_KEYS[sort] == last, BEHIND))
    images = _chosen(ALL_IMAGES, status, fault, q).add_columns(key).where(is_behind)
    in_order = images.order_by(key, Image.row_number, Image.position)
    page = tx.execute(in_order, {**place, "limit": limit})
    return [(key, _image_row(*image)) for *image, key in page]


def _chosen(
    images: sa.Select[*tuple[Any, ...]],
    status: Status | None,
    fault: Fault | None,
    q: str | None,
) -> sa.Select[*tuple[Any, ...]]:
    """Those of a status, with a fault, with a word in their serial number, product name or URL."""
    if status is not None:
        images = images.where(is_status(Image.status, status))
    if fault is not None:
        images = images.where(HAS_FAULT[fault])
    if q is not None:
        searched = (Product.serial_number, Product.product_name, Image.input_url)
        images = images.where(sa.or_(*(text.icontains(q, autoescape=True) for text in searched)))
    return images


def _image_row(*columns: Any) -> ImageRow:
    return ImageRow._make([*columns[:AT_FIGURES], Figures._make(columns[AT_FIGURES:])])


def find_completed(
    tx: Connection, request_id: int, *, after: tuple[int, int]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """A page of the images that went well, in the order of the CSV, behind a (row, position).

    The rows have the columns of CompletedImage; to make those of them adds half to the time.
    """
    place = dict(zip(("row_number", "position"), after, strict=True))
    return tx.execute(COMPLETED_IMAGES, {"request_id": request_id, **place}).all()


def find_ended(tx: Connection, request_id: int, *, after: tuple[int, int]) -> list[EndedImage]:
    """A page of all images, in the order of the CSV, behind a (row, position)."""
    page = tx.execute(
        sa.select(*_columns(Image, EndedImage))
        .where(Image.request_id == request_id, is_after(*after))
        .order_by(Image.row_number, Image.position)
        .limit(PAGE)
    )
    return [EndedImage(*image) for image in page]


def find_failed_rows(tx: Connection, request_id: int, *, after: int) -> list[int]:
    """A page of the numbers of rows that have a failed image, in order, behind a row."""
    failed = sa.and_(Image.request_id == request_id, is_status(Image.status, Status.FAILED))
    page = tx.scalars(
        sa.select(Image.row_number)
        .where(failed, Image.row_number > after)
        .group_by(Image.row_number)
        .order_by(Image.row_number)
        .limit(PAGE)
    )
    return [*page]


def find_products(tx: Connection, request_id: int, *, after: int) -> list[ProductRow]:
    """A page of the rows of a request, behind a row."""
    page = tx.execute(
        sa.select(*_columns(Product, ProductRow))
        .where(Product.request_id == request_id, Product.row_number > after)
        .order_by(Product.row_number)
        .limit(PAGE)
    )
    return [ProductRow(*product) for product in page]


def find_urls(tx: Connection, request_id: int, *, rows: tuple[int, int]) -> dict[int, list[str]]:
    """The URLs of the rows from the first to the last, by row."""
    urls: dict[int, list[str]] = {}
    for row_number, url in tx.execute(
        sa.select(Image.row_number, Image.input_url)
        .where(Image.request_id == request_id, Image.row_number.between(*rows))
        .order_by(Image.row_number, Image.position)
    ):
        urls.setdefault(row_number, []).append(url)
    return urls


def progress(request: RequestRow) -> dict[str, int | float]:
    """How far a request is, from its counters; ``percent`` is of images that have ended."""
    ended = request.completed + request.failed
    return {
        "total": request.total,
        "completed": request.completed,
        "failed": request.failed,
        "pending": request.total - ended,
        "percent": round(100 * ended / request.total, 1) if request.total else 100.0,
    }
