"""Claims: which worker works on which image, and for how long.

A claim is a lease. Its worker renews it while it lives; an expired one is released (see
``expired_claims.py``), and the image can be claimed again. The statements, as SQL Server gets them,
stand in docs/statements.sql.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Image, Webhook
from work_queue.predicates import is_abandoned, is_due, is_expired, is_ready_to_complete
from work_queue.statements import (
    CLAIM_IMAGES,
    NEXT_HOST,
    NEXT_HOST_OF_STARTED,
    RENEW_CLAIMS,
    SERVE_REQUEST,
    as_json,
)

HEAD_START = 24  # images of a new request that go before all turns


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedImage:
    """An image that this worker holds, with the options of its request.

    ``share`` is how many images of the request one process may hold at once.
    """

    id: int
    row_number: int
    position: int
    input_url: str
    attempts: int
    crash_count: int
    request_id: int
    host: str
    public_id: uuid.UUID
    reduce_by: int
    format: str
    max_width: int | None
    max_height: int | None
    max_bytes: int | None
    keep_dimensions: bool
    share: int


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
    remaining: int


def work_is_due(tx: Connection) -> bool:
    """Whether a turn would find anything at all, in one query."""
    due = (
        sa.exists().where(is_due(Image)),
        sa.exists().where(is_expired(Image)),
        sa.exists().where(is_due(Webhook)),
        sa.exists().where(is_expired(Webhook)),
        sa.exists().where(is_ready_to_complete()),
        sa.exists().where(is_abandoned()),
    )
    return tx.scalar(sa.select(sa.literal(1)).where(sa.or_(*due))) is not None


def claim_images(
    tx: Connection,
    worker: str,
    *,
    limit: int,
    lease_seconds: float,
    excluded_hosts: Collection[str] = (),
    head_start: bool = True,
    shares: int = 1,
    limit_of_host: Callable[[str], int] | None = None,
) -> list[ClaimedImage] | None:
    """Claim up to ``limit`` due images of one host, of the request that was served longest ago.

    They are at most one part in ``shares`` of the request's remaining images, so that no process
    takes all of a small request, and at most what ``limit_of_host`` allows for the chosen host.

    Hosts in ``excluded_hosts`` are left to others or to later. A new request comes first until
    HEAD_START of its images have ended, so that a small one is done before the large ones go on;
    not so without ``head_start``. None when nothing is due; empty when others were quicker.
    """
    chosen = _next_in_turn(tx, as_json(excluded_hosts), head_start)
    if chosen is None:
        return None
    share = max(chosen.remaining // shares, 1)
    of_host = limit_of_host(chosen.host) if limit_of_host else limit
    claimed = CLAIM_IMAGES.run(
        tx,
        worker=worker,
        lease=lease_seconds,
        request_id=chosen.request_id,
        host_number=chosen.host_number,
        limit=max(min(limit, share, of_host), 1),
    )
    images = sorted(ImageColumns(*row) for row in claimed)
    if images:
        SERVE_REQUEST.run(tx, request_id=chosen.request_id, head_start=HEAD_START)
    return [_claimed_image(image, chosen, share) for image in images]


def _next_in_turn(tx: Connection, excluded_hosts: str, head_start: bool) -> DueHost | None:
    """The host to claim from; None when nothing is due."""
    for statement in (NEXT_HOST,) if head_start else (NEXT_HOST_OF_STARTED, NEXT_HOST):
        if found := statement.run(tx, hosts=excluded_hosts).first():
            return DueHost(*found)
    return None


def _claimed_image(image: ImageColumns, chosen: DueHost, share: int) -> ClaimedImage:
    return ClaimedImage(
        id=image.id,
        row_number=image.row_number,
        position=image.position,
        input_url=image.input_url,
        attempts=image.attempts,
        crash_count=image.crash_count,
        request_id=chosen.request_id,
        host=chosen.host,
        public_id=chosen.public_id,
        reduce_by=chosen.reduce_by,
        format=chosen.format,
        max_width=chosen.max_width,
        max_height=chosen.max_height,
        max_bytes=chosen.max_bytes,
        keep_dimensions=bool(chosen.keep_dimensions),
        share=share,
    )


def renew_claims(tx: Connection, worker: str, ids: Collection[int], lease_seconds: float) -> None:
    """Extend the leases of claimed images."""
    RENEW_CLAIMS.run(tx, worker=worker, ids=as_json(ids), lease=lease_seconds)
