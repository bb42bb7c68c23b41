"""Claims: which worker works on which image, and for how long.

A claim is a lease. Its worker renews it while it lives; an expired one is released (see
``expired_claims.py``), and the image can be claimed again. The statements, as SQL Server gets them,
stand in docs/statements.sql.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Host, Image, Request, Webhook
from work_queue.predicates import (
    Condition,
    is_due,
    is_expired,
    is_held,
    is_open,
    is_pending,
    is_ready_to_complete,
)
from work_queue.sql_functions import utc_now
from work_queue.statuses import Status

HEAD_START = 24  # images of a new request that go before all turns
CANDIDATES = 8  # requests that a claim looks at before it asks for more
SKIP_LOCKED = "WITH (ROWLOCK, UPDLOCK, READPAST)"  # workers pass over each other's claims


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
    remaining: int


# --- the statements of a claim; each is made once, as making one costs more than running it -----


@cache
def open_requests(*, started_only: bool) -> sa.Select[int]:
    """Requests with pending images, in the order of their turns, a few at a time.

    The condition on the host is always true, but leads SQLite to the index of pending images.
    """
    has_pending = sa.exists().where(
        Image.request_id == Request.id, Image.host_number > 0, is_pending(Image)
    )
    started = [Request.served_at.is_not(None)] if started_only else []
    return (
        sa.select(Request.id)
        .where(is_open(), has_pending, *started)
        .order_by(Request.served_at, Request.id)
        .offset(sa.bindparam("offset", type_=sa.Integer))
        .limit(CANDIDATES)
    )


@cache
def due_host() -> sa.Select[*tuple[Any, ...]]:
    """The first host of a request with a due image, and the options of the request.

    Hosts are worked in the order of their numbers: those before the first one with a pending image
    are done, and are not looked at again.
    """
    request_id: Any = sa.bindparam("request_id")
    of_request = (Image.request_id == request_id, is_pending(Image))
    first_pending = sa.select(sa.func.min(Image.host_number)).where(*of_request).scalar_subquery()
    has_due = sa.exists().where(
        Image.request_id == Host.request_id, Image.host_number == Host.number, is_due(Image)
    )
    is_excluded = Host.host.in_(sa.bindparam("excluded_hosts", expanding=True))
    remaining = Request.total - Request.completed - Request.failed
    return (
        sa.select(
            *(Host.request_id, Host.number, Host.host),
            *(Request.public_id, Request.reduce_by, Request.format),
            *(Request.max_width, Request.max_height, remaining),
        )
        .join(Request, Request.id == Host.request_id)
        .where(Host.request_id == request_id, Host.number >= first_pending)
        .where(sa.not_(is_excluded), has_due)
        .order_by(Host.number)
        .limit(1)
    )


@cache
def claim_of_host(limit: int) -> sa.UpdateBase:
    """Pending → Processing, for the first due images of a host that nobody else takes first."""
    of_host = (
        Image.request_id == sa.bindparam("of_request"),
        Image.host_number == sa.bindparam("of_host"),
        is_due(Image),
    )
    columns = [getattr(Image, name) for name in ImageColumns._fields]
    return claim_first(Image, limit, *of_host).returning(*columns)


@cache
def serve_request() -> sa.Update:
    """Move a request to the end of the line, unless it still has its head start."""
    ended = Request.completed + Request.failed
    served_at = sa.case((ended >= HEAD_START, utc_now()), else_=Request.served_at)
    return (
        sa.update(Request)
        .with_hint("WITH (ROWLOCK, READPAST)", dialect_name="mssql")  # or all wait for one row
        .where(Request.id == sa.bindparam("served"))
        .values(status=Status.PROCESSING, served_at=served_at)
    )


def claim_first(table: Any, limit: int, *where: Condition) -> sa.Update:
    """Pending → Processing, for the first ``limit`` rows in line that nobody else takes first.

    Parameters: the ``worker`` and its ``lease_seconds``.
    """
    lease = {"claimed_by": sa.bindparam("worker"), "lease_until": utc_now("lease_seconds")}
    return (
        sa.update(table)
        .where(table.id.in_(first_in_line(table, limit, *where)), is_pending(table))
        .values(status=Status.PROCESSING, attempts=table.attempts + 1, **lease)
    )


def first_in_line(table: Any, limit: int, *where: Condition) -> sa.Select[int]:
    """The ids of the rows that waited longest, passing over those that others are claiming."""
    since = table.served_at if table is Request else table.next_attempt_at
    ids = sa.select(table.id).where(*where).order_by(since, table.id).limit(limit)
    return ids.with_hint(table, SKIP_LOCKED, "mssql")


# --- the steps ----------------------------------------------------------------------------------


def work_is_due(tx: Connection) -> bool:
    """Whether a turn would find anything at all, in one query."""
    due = (
        sa.exists().where(is_due(Image)),
        sa.exists().where(is_expired(Image)),
        sa.exists().where(is_due(Webhook)),
        sa.exists().where(is_expired(Webhook)),
        sa.exists().where(is_ready_to_complete()),
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
    chosen = _next_in_turn(tx, excluded_hosts, head_start)
    if chosen is None:
        return None
    share = max(chosen.remaining // shares, 1)
    of_host = limit_of_host(chosen.host) if limit_of_host else limit
    claim = {"worker": worker, "lease_seconds": lease_seconds}
    place = {"of_request": chosen.request_id, "of_host": chosen.host_number}
    statement = claim_of_host(max(min(limit, share, of_host), 1))
    claimed = sorted(ImageColumns(*row) for row in tx.execute(statement, claim | place))
    if claimed:
        tx.execute(serve_request(), {"served": chosen.request_id})
    return [_claimed_image(image, chosen, share) for image in claimed]


def _next_in_turn(
    tx: Connection, excluded_hosts: Collection[str], head_start: bool
) -> DueHost | None:
    """The host to claim from; None when nothing is due.

    The index of open requests gives those that may have something in their order, a few at a time.
    So neither old requests nor the images of others cost anything.
    """
    for started_only in (False,) if head_start else (True, False):
        offset = 0
        requests = open_requests(started_only=started_only)
        while candidates := tx.scalars(requests, {"offset": offset}).all():
            for request_id in candidates:
                place = {"request_id": request_id, "excluded_hosts": list(excluded_hosts)}
                if found := tx.execute(due_host(), place).first():
                    return DueHost(*found)
            offset += len(candidates)
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
        share=share,
    )


def renew_claims(tx: Connection, worker: str, ids: Collection[int], lease_seconds: float) -> None:
    """Extend the leases of claimed images."""
    tx.execute(
        sa.update(Image)
        .where(Image.id.in_(ids), is_held(Image, worker))
        .values(lease_until=utc_now(lease_seconds))
    )
