"""Pauses: the hosts whose images nobody claims until an operator ends the pause; or all work.

A pause is a row that each claim looks at. So no image is put back for it, and no attempt is
counted; what was claimed before is finished. A claim passes over the requests that only wait for
paused hosts, one after the other: some 5 µs for each of them on SQLite.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from database import Database
from work_queue.models import ALL_WORK, Host, Image, Pause, Request
from work_queue.predicates import is_open, is_pending
from work_queue.sql_functions import utc_now


class PauseRow(NamedTuple):
    """A pause, and how many images wait for its end; None where that is all work."""

    host: str
    paused_at: datetime
    images: int | None


def pause(db: Database, host: str) -> None:
    """Pause a host, or ALL_WORK; one that is paused stays so."""
    try:
        db.write(_add, host)
    except IntegrityError:  # somebody did so at the same moment
        return


def _add(tx: Connection, host: str) -> None:
    if tx.scalar(sa.select(Pause.host).where(Pause.host == host)) is None:
        tx.execute(sa.insert(Pause).values(host=host, paused_at=utc_now()))


def resume(tx: Connection, host: str) -> bool:
    """End a pause; False where there was none."""
    return tx.execute(sa.delete(Pause).where(Pause.host == host)).rowcount == 1


def work_is_paused(tx: Connection) -> bool:
    """Whether all work is paused."""
    return tx.scalar(sa.select(Pause.host).where(Pause.host == ALL_WORK)) is not None


# A look at each paused host of each open request, and at the index of its pending images.
IMAGES_OF_HOST = (
    sa.select(sa.func.count())
    .select_from(Image)
    .where(Image.request_id == Host.request_id, Image.host_number == Host.number)
    .where(is_pending(Image))
    .correlate(Host)
    .scalar_subquery()
)
WAITING = (
    sa.select(Host.host, IMAGES_OF_HOST.label("images"))
    .join(Request, Request.id == Host.request_id)
    .where(is_open(), Host.host.in_(sa.select(Pause.host)))
    .subquery("waiting")
)
PAUSES = (
    sa.select(Pause.host, Pause.paused_at, sa.func.coalesce(sa.func.sum(WAITING.c.images), 0))
    .select_from(sa.outerjoin(Pause, WAITING, WAITING.c.host == Pause.host))
    .group_by(Pause.host, Pause.paused_at)
    .order_by(Pause.host)
)


def find_pauses(tx: Connection) -> list[PauseRow]:
    """All of them; their cost grows with the hosts of open requests, and the images that wait."""
    return [
        PauseRow(host, paused_at, None if host == ALL_WORK else images)
        for host, paused_at, images in tx.execute(PAUSES)
    ]
