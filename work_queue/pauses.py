"""Pauses: the hosts whose images nobody claims until an operator ends the pause; or all work.

A pause is a row that each claim looks at. So it costs an image nothing, no image is put back for
it, and no attempt is counted; what was claimed before is finished.
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


# Of the paused hosts of each open request; as many as the pauses, where no request has them.
IMAGES_OF_HOST = (
    sa.select(sa.func.count())
    .select_from(Request)
    .join(Host, Host.request_id == Request.id)
    .join(Image, sa.and_(Image.request_id == Request.id, Image.host_number == Host.number))
    .where(is_open(), is_pending(Image), Host.host == Pause.host)
    .correlate(Pause)
    .scalar_subquery()
)
PAUSES = sa.select(Pause.host, Pause.paused_at, IMAGES_OF_HOST).order_by(Pause.host)


def find_pauses(tx: Connection) -> list[PauseRow]:
    """All of them; their cost grows with the hosts of open requests, and the images that wait."""
    return [
        PauseRow(host, paused_at, None if host == ALL_WORK else images)
        for host, paused_at, images in tx.execute(PAUSES)
    ]
