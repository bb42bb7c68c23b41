"""Claims: which worker works on which image, and for how long.

A claim is a lease. Its worker renews it while it lives; an expired one is released (see
``expired_claims.py``), and the image can be claimed again. The statements, as SQL Server gets them,
stand in docs/statements.sql.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import NO_KEY, Image, Webhook
from work_queue.predicates import is_abandoned, is_due, is_expired, is_ready_to_complete
from work_queue.statements import (
    CLAIM_IMAGES,
    GIVE_UP_AFTER,
    NEXT_HOST,
    NEXT_HOST_OF_STARTED,
    PRODUCT_TEXTS,
    RENEW_CLAIMS,
    SERVE_REQUEST,
    as_json,
)

HEAD_START = 24  # images of a new request that are claimed before all turns
HEAD_START_SECONDS = 10.0  # and not for longer, where they are claimed slowly

PRODUCT_NAMES = {"sku": 1, "name": 2}  # the column of PRODUCT_TEXTS
GIVE_UP_BATCH = 100  # images of a host that was given up, which fail without a download


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedImage:
    """An image that this worker holds, with the options of its request.

    ``named_after`` is what its file's name begins with, before it is made safe; None where that is
    its place. ``share`` is how many images of the request one process may hold at once.
    ``host_timeouts`` counts those of the host in a row, when it was claimed.
    """

    id: int
    row_number: int
    position: int
    input_url: str
    attempts: int
    crash_count: int
    request_id: int
    host_number: int
    host: str
    host_timeouts: int
    public_id: uuid.UUID
    reduce_by: int
    format: str
    max_width: int | None
    max_height: int | None
    max_bytes: int | None
    keep_dimensions: bool
    share: int
    key_id: int = NO_KEY
    named_after: str | None = None

    @property
    def log_fields(self) -> dict[str, Any]:
        """What a log line about it names."""
        return {"request_id": self.public_id, "image_id": self.id}

    @property
    def is_given_up(self) -> bool:
        """Its host has timed out so often that it is not asked any more for this request."""
        return self.host_timeouts >= GIVE_UP_AFTER


class ImageColumns(NamedTuple):
    """What a claim reads of an image."""

    id: int
    row_number: int
    position: int
    input_url: str
    attempts: int
    crash_count: int


class DueHost(NamedTuple):
    """The host to claim from, and its request, of which ``remaining`` images have not ended."""

    request_id: int
    host_number: int
    host: str
    public_id: uuid.UUID
    reduce_by: int
    format: str
    max_width: int | None
    max_height: int | None
    max_bytes: int | None
    keep_dimensions: bool
    names: str
    timeouts: int
    remaining: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which hosts a claim may choose from.

    ``excluded_hosts`` are left to others or to later. Of ``capped_requests`` only ``known_hosts``
    are chosen.
    """

    excluded_hosts: Collection[str] = ()
    capped_requests: Collection[int] = ()
    known_hosts: Collection[str] = ()


def work_is_due(tx: Connection) -> bool:
    """Whether a turn would find anything at all, in one query."""
    due = [
        sa.exists().where(is_due(Image)),
        sa.exists().where(is_expired(Image)),
        sa.exists().where(is_due(Webhook)),
        sa.exists().where(is_expired(Webhook)),
        sa.exists().where(is_ready_to_complete()),
        sa.exists().where(is_abandoned()),
    ]
    return tx.scalar(sa.select(sa.literal(1)).where(sa.or_(*due))) is not None


def claim_images(
    tx: Connection,
    worker: str,
    *,
    limit: int,
    lease_seconds: float,
    choice: Choice | None = None,
    keys: Sequence[int] = (NO_KEY,),
    head_start: bool = True,
    shares: int = 1,
    limit_of: Callable[[int, str], int] | None = None,
) -> list[ClaimedImage] | None:
    """Claim up to ``limit`` due images of one host, of the request that was served longest ago.

    The request is one of the first of the ``keys`` that has any that are due.
    They are at most one part in ``shares`` of the request's remaining images, so that no process
    takes all of a small request, and at most what ``limit_of`` allows for the chosen request and
    host.

    A new request comes first until HEAD_START of its images have been claimed, or for
    HEAD_START_SECONDS, so that a small one is done before the large ones go on; not so without
    ``head_start``. None when nothing is due; empty when others were quicker.
    """
    found = (_next_in_turn(tx, key_id, choice or Choice(), head_start) for key_id in keys)
    key_id, chosen = next(
        ((key_id, host) for key_id, host in zip(keys, found, strict=True) if host), (NO_KEY, None)
    )
    if chosen is None:
        return None
    share = max(chosen.remaining // shares, 1)
    allowed = limit_of(chosen.request_id, chosen.host) if limit_of else limit
    batch = max(min(limit, share, allowed), 1)
    claimed = CLAIM_IMAGES.run(
        tx,
        worker=worker,
        lease=lease_seconds,
        request_id=chosen.request_id,
        host_number=chosen.host_number,
        limit=batch if chosen.timeouts < GIVE_UP_AFTER else GIVE_UP_BATCH,
    )
    images = sorted(ImageColumns(*row) for row in claimed)
    if images:
        SERVE_REQUEST.run(
            tx,
            request_id=chosen.request_id,
            claimed=len(images),
            head_start=HEAD_START,
            since=-HEAD_START_SECONDS,
        )
    texts = _texts(tx, chosen, images)
    return [
        _claimed_image(image, chosen, share, key_id, texts.get(image.row_number))
        for image in images
    ]


def _texts(tx: Connection, chosen: DueHost, images: Sequence[ImageColumns]) -> dict[int, str]:
    """What the products of images are called, where the images are named after that."""
    if chosen.names not in PRODUCT_NAMES or not images:
        return {}
    numbers = as_json(sorted({image.row_number for image in images}))
    products = PRODUCT_TEXTS.run(tx, request_id=chosen.request_id, ids=numbers)
    at = PRODUCT_NAMES[chosen.names]
    return {product.row_number: product[at] for product in products}


def _next_in_turn(tx: Connection, key_id: int, choice: Choice, head_start: bool) -> DueHost | None:
    """The host to claim from; None when the key has nothing that is due."""
    lists = {
        "hosts": as_json(choice.excluded_hosts),
        "capped": as_json(choice.capped_requests),
        "known": as_json(choice.known_hosts),
    }
    for statement in (NEXT_HOST,) if head_start else (NEXT_HOST_OF_STARTED, NEXT_HOST):
        if found := statement.run(tx, key_id=key_id, **lists).first():
            return DueHost(*found)
    return None


def _claimed_image(
    image: ImageColumns, chosen: DueHost, share: int, key_id: int, product_text: str | None
) -> ClaimedImage:
    return ClaimedImage(
        id=image.id,
        row_number=image.row_number,
        position=image.position,
        input_url=image.input_url,
        attempts=image.attempts,
        crash_count=image.crash_count,
        request_id=chosen.request_id,
        host_number=chosen.host_number,
        host=chosen.host,
        host_timeouts=chosen.timeouts,
        public_id=chosen.public_id,
        reduce_by=chosen.reduce_by,
        format=chosen.format,
        max_width=chosen.max_width,
        max_height=chosen.max_height,
        max_bytes=chosen.max_bytes,
        keep_dimensions=bool(chosen.keep_dimensions),
        share=share,
        key_id=key_id,
        named_after=image.input_url if chosen.names == "source" else product_text,
    )


def renew_claims(tx: Connection, worker: str, ids: Collection[int], lease_seconds: float) -> None:
    """Extend the leases of claimed images."""
    RENEW_CLAIMS.run(tx, worker=worker, ids=as_json(ids), lease=lease_seconds)
