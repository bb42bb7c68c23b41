"""What a poll reads; its cost doesn't grow with the size of the request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import PAGE, is_after
from engine import reads
from tables import Image, Product, Request, Webhook, WebhookAttempt

Found = sa.Row[*tuple[Any, ...]]


# Statements that are polled are made once: to build one costs more than to run it.
REQUEST = sa.select(*Request.__table__.columns).where(
    Request.public_id == sa.bindparam("public_id")
)
IMAGES = (
    sa.select(
        *(Image.row_number.label("row"), Image.position),
        *(Product.serial_number, Product.product_name, Image.input_url, Image.output_name),
        sa.type_coerce(Image.status, sa.Unicode()).label("status"),
        *(Image.attempts, Image.error_code, Image.error_message),
        *(Image.input_bytes, Image.output_bytes, Image.width, Image.height, Image.format),
        *(Image.method, Image.quality, Image.scale, Image.encodes, Image.target_met),
    )
    .join(
        Product,
        sa.and_(Product.request_id == Image.request_id, Product.row_number == Image.row_number),
    )
    .where(Image.request_id == sa.bindparam("request_id"))
    .where(is_after((sa.bindparam("row_number"), sa.bindparam("position"))))
    .order_by(Image.row_number, Image.position)
    .limit(sa.bindparam("limit"))
)


@reads
def find_request(tx: Connection, public_id: uuid.UUID) -> Found | None:
    """The columns of one request."""
    return tx.execute(REQUEST, {"public_id": public_id}).first()


@reads
def get_request(tx: Connection, request_id: int) -> Found:
    """The columns of a request that is known to exist."""
    return tx.execute(sa.select(*Request.__table__.columns).where(Request.id == request_id)).one()


@reads
def find_images(
    tx: Connection, request_id: int, *, after: tuple[int, int], limit: int
) -> Sequence[Found]:
    """A page of images with their products, in the order of the CSV, behind a (row, position)."""
    row_number, position = after
    place = {"request_id": request_id, "row_number": row_number, "position": position}
    return tx.execute(IMAGES, {**place, "limit": limit}).all()


@reads
def find_products(tx: Connection, request_id: int, *, after: int) -> Sequence[Found]:
    """A page of the rows of a request, behind a row."""
    return tx.execute(
        sa.select(Product.row_number, Product.serial_number, Product.product_name)
        .where(Product.request_id == request_id, Product.row_number > after)
        .order_by(Product.row_number)
        .limit(PAGE)
    ).all()


@reads
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


@reads
def find_webhook(tx: Connection, request_id: int) -> Found | None:
    """A request's newest webhook, or None before there is one."""
    return tx.execute(
        sa.select(*Webhook.__table__.columns)
        .where(Webhook.request_id == request_id)
        .order_by(Webhook.id.desc())
        .limit(1)
    ).first()


@reads
def find_attempts(tx: Connection, webhook_id: int) -> Sequence[Found]:
    """The attempts to deliver a webhook, in their order."""
    return tx.execute(
        sa.select(*WebhookAttempt.__table__.columns)
        .where(WebhookAttempt.webhook_id == webhook_id)
        .order_by(WebhookAttempt.number)
    ).all()


@reads
def check(tx: Connection) -> None:
    """Raises SQLAlchemyError where the database or its tables don't answer."""
    tx.execute(sa.select(Request.id).limit(1))


def progress(request: Found) -> dict[str, int | float]:
    """How far a request is, from its counters; ``percent`` is of answered images, 0 to 100."""
    answered = request.completed + request.failed
    return {
        "total": request.total,
        "completed": request.completed,
        "failed": request.failed,
        "pending": request.total - answered,
        "percent": round(100 * answered / request.total, 1) if request.total else 100.0,
    }
