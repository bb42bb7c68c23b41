"""What worker processes have counted in the last hours: how fast they are, and what fails where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Image, Tally
from work_queue.sql_functions import utc_now
from work_queue.statements import ADD_TALLIES, FORGET_TALLIES, as_json
from work_queue.statuses import Status, is_status

HOUR_SECONDS = 3600
KEPT_HOURS = 6
MAX_FAILURES = 100  # hosts and codes that are listed
RATE_SECONDS = 60  # over which the speed is measured
SEEN_SECONDS = 600  # in which a process has counted something


class TallyRow(NamedTuple):
    """Images of a host that ended with a code, and attempts that are to be tried again."""

    host: str
    code: str
    ended: int
    retried: int


class FailureRow(NamedTuple):
    """How often a host failed with a code: images for good, and attempts to be tried again."""

    host: str
    code: str
    failed_last_hour: int
    retried_last_hour: int
    failed: int
    retried: int


class WorkerRow(NamedTuple):
    """A worker process: images that it holds, and those that ended, in the last minutes."""

    worker: str
    at_work: int
    ended: int
    seen_at: datetime


def add_tallies(tx: Connection, worker: str, rows: Sequence[TallyRow]) -> None:
    """Add what a process has counted, and remove what is old, of any process."""
    ADD_TALLIES.run(tx, worker=worker, rows=as_json(row._asdict() for row in rows))
    FORGET_TALLIES.run(tx, since=-KEPT_HOURS * HOUR_SECONDS)


def _since(seconds: float) -> sa.ColumnElement[bool]:
    return Tally.counted_at > utc_now(-seconds)


def _sum_of_last_hour(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((_since(HOUR_SECONDS), column), else_=0))


FAILED_LAST_HOUR = _sum_of_last_hour(Tally.ended.expression).label("failed_last_hour")
RETRIED_LAST_HOUR = _sum_of_last_hour(Tally.retried.expression).label("retried_last_hour")
FAILED = sa.func.sum(Tally.ended).label("failed")
RETRIED = sa.func.sum(Tally.retried).label("retried")
FAILURES = (
    sa.select(Tally.host, Tally.code, FAILED_LAST_HOUR, RETRIED_LAST_HOUR, FAILED, RETRIED)
    .where(_since(KEPT_HOURS * HOUR_SECONDS), Tally.code != "")
    .group_by(Tally.host, Tally.code)
    .order_by(
        (FAILED_LAST_HOUR + RETRIED_LAST_HOUR).desc(),
        (FAILED + RETRIED).desc(),
        Tally.host,
        Tally.code,
    )
    .limit(MAX_FAILURES)
)
ENDED = sa.select(sa.func.coalesce(sa.func.sum(Tally.ended), 0)).where(_since(RATE_SECONDS))
WORKERS = (
    sa.select(Tally.worker, sa.func.sum(Tally.ended), sa.func.max(Tally.counted_at))
    .where(_since(SEEN_SECONDS))
    .group_by(Tally.worker)
)
HELD: sa.Select[*tuple[Any, ...]] = (
    sa.select(utc_now(), Image.claimed_by, sa.func.count())
    .where(is_status(Image.status, Status.PROCESSING), Image.lease_until >= utc_now())
    .group_by(Image.claimed_by)
)


def find_failures(tx: Connection) -> list[FailureRow]:
    """What failed most in the last hour, then in all hours that are kept."""
    return [FailureRow(*row) for row in tx.execute(FAILURES)]


def images_per_second(tx: Connection) -> float:
    """How many images ended a second, of late."""
    return (tx.scalar(ENDED) or 0) / RATE_SECONDS


def find_workers(tx: Connection) -> list[WorkerRow]:
    """The processes that have counted something in the last minutes, or hold images now."""
    counted = {
        worker: WorkerRow(worker, 0, ended, seen_at)
        for worker, ended, seen_at in tx.execute(WORKERS)
    }
    for now, worker, images in tx.execute(HELD):
        ended = counted[worker].ended if worker in counted else 0
        counted[worker] = WorkerRow(worker, images, ended, now)
    return [counted[worker] for worker in sorted(counted)]
