"""A host that takes ten seconds for each answer, beside one that answers at once."""

from __future__ import annotations

import time
import uuid
from itertools import chain
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from benchmarks.stage import Stage, running, waited_for
from database import Database
from work_queue.models import Image, Request
from work_queue.statuses import Status

SLOW_MS = 10_000


def run(setup: Setup) -> Result:
    pictures = setup.album.thumbnails(200)
    rounds = [_round(pictures, setup.number(4_000)) for _ in range(setup.repeats)]
    ratio = median(without / beside for without, beside in rounds)
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


def _round(pictures: list[bytes], number: int) -> tuple[float, float]:
    """Anew each time, as what is left of the slow host's images would take an hour."""
    with Origin("thumbnail", pictures, hosts=2) as origin, running(origin) as stage:
        quick = origin.urls(number)
        slow = origin.urls(number, delay_ms=SLOW_MS, host=1)
        both = list(chain(*zip(quick, slow, strict=True)))
        return _quick_seconds(stage, quick, quick), _quick_seconds(stage, both, quick)


def _quick_seconds(stage: Stage, urls: list[str], quick: list[str]) -> float:
    """From the upload's answer until the last image of the quick host is completed."""
    request_id = uuid.UUID(stage.start(urls))
    answered_at = time.time()
    base = quick[0].rpartition("/")[0]
    database = Database(stage.database_url)
    _, last = waited_for(
        lambda: database.read(_completed, request_id, base),
        lambda seen: seen[0] == len(quick),
    )
    database.engine.dispose()
    return float(last.timestamp()) - answered_at


def _completed(tx: sa.Connection, request_id: uuid.UUID, base: str) -> tuple[int, Any]:
    """How many of a host's images are completed, and when the last one was."""
    of_host = sa.and_(Image.input_url.startswith(base), Image.status == Status.COMPLETED)
    number, last = tx.execute(
        sa.select(sa.func.count(), sa.func.max(Image.completed_at))
        .join(Request, Request.id == Image.request_id)
        .where(Request.public_id == request_id, of_host)
    ).one()
    return number, last
