"""A host that takes ten seconds for each response, next to one that responds at once."""

from __future__ import annotations

import time
import uuid
from itertools import chain
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.measured_system import MeasuredSystem, running, wait_until
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from database import Database
from work_queue.models import Image, Request
from work_queue.statuses import Status

SLOW_MS = 10_000


def run(setup: Setup) -> Result:
    images = setup.album.thumbnails(200)
    rounds = [_round(images, setup.number(4_000)) for _ in range(setup.repeats)]
    ratio = median(alone / mixed for alone, mixed in rounds)
    seconds = [median(each) for each in zip(*rounds, strict=True)]
    return Result(
        figures=[
            Figure(
                what="a host of 10 s on half of the URLs: images/s of the others ÷ without it",
                value=ratio,
                at_least=0.8,
            )
        ],
        details=[
            f"The quick host's {setup.number(4_000):,} images took {seconds[0]:.1f} s without, "
            f"and {seconds[1]:.1f} s with as many of the slow one between them."
        ],
    )


def _round(images: list[bytes], number: int) -> tuple[float, float]:
    """Seconds without and with the slow host, on a new system: its queue would take an hour."""
    with Origin("thumbnail", images, hosts=2) as origin, running(origin) as system:
        quick = origin.urls(number)
        slow = origin.urls(number, delay_ms=SLOW_MS, host=1)
        both = list(chain(*zip(quick, slow, strict=True)))
        return _quick_seconds(system, quick, quick), _quick_seconds(system, both, quick)


def _quick_seconds(system: MeasuredSystem, urls: list[str], quick: list[str]) -> float:
    """From the upload's response until the last image of the quick host is completed."""
    request_id = uuid.UUID(system.start(urls))
    accepted_at = time.time()
    base = quick[0].rpartition("/")[0]
    database = Database(system.database_url)
    _, last = wait_until(
        lambda: database.read(_completed, request_id, base),
        lambda seen: seen[0] == len(quick),
    )
    database.close()
    return float(last.timestamp()) - accepted_at


def _completed(tx: sa.Connection, request_id: uuid.UUID, base: str) -> tuple[int, Any]:
    """How many of a host's images are completed, and when the last one was."""
    of_host = sa.and_(Image.input_url.startswith(base), Image.status == Status.COMPLETED)
    number, last = tx.execute(
        sa.select(sa.func.count(), sa.func.max(Image.completed_at))
        .join(Request, Request.id == Image.request_id)
        .where(Request.public_id == request_id, of_host)
    ).one()
    return number, last
