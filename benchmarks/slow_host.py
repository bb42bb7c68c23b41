"""Hosts that are slow or never answer, next to some that respond at once."""

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

SLOW_MS = 9_000  # less than the service waits for the first byte of a response
HANGING_MS = 600_000  # more than it waits for anything
HANGING, QUICK = 400, 40  # images of the attack, and of the request after it
HEAD_SECONDS = 3.0  # of the attack, before the request after it
SPREADS = (4, 100, 1)  # hosts of the attack
TIMES = 3  # the quick images are sent


def run(setup: Setup) -> Result:
    images = setup.album.thumbnails(200)
    number = setup.number(4_000)
    slow, dead = ([each(images, number) for _ in range(setup.repeats)] for each in (_slow, _dead))
    attacked = {hosts: _attacked(images, setup.number(HANGING), hosts) for hosts in SPREADS}
    return Result(
        figures=[
            Figure(
                what=f"{what}: images/s of the others ÷ without {it}",
                value=median(alone / mixed for alone, mixed in rounds),
                at_least=0.8,
            )
            for what, it, rounds in (
                (f"a host of {SLOW_MS // 1000} s on half of the URLs", "it", slow),
                ("two dead hosts beside three others", "them", dead),
            )
        ]
        + [
            Figure(
                what=f"{QUICK} images behind {setup.number(HANGING)} that hang, over {hosts} "
                f"{'host' if hosts == 1 else 'hosts'}: seconds ÷ those alone",
                value=behind / alone,
                at_most=3,
            )
            for hosts, (alone, behind) in attacked.items()
        ],
        details=[
            _detail("a slow host", number, slow),
            _detail("two dead hosts", number, dead),
            *(
                f"{QUICK} images: {alone:.2f} s alone, {behind:.2f} s while others hang on {hosts}."
                for hosts, (alone, behind) in attacked.items()
            ),
        ],
    )


def _detail(what: str, number: int, rounds: list[tuple[float, float]]) -> str:
    without, mixed = (median(each) for each in zip(*rounds, strict=True))
    return f"{number:,} quick images took {without:.1f} s, and {mixed:.1f} s with {what} between."


def _slow(images: list[bytes], number: int) -> tuple[float, float]:
    """Seconds without and with the slow host, on a new system: its queue would take an hour."""
    with Origin("thumbnail", images, hosts=2) as origin, running(origin) as system:
        quick = origin.urls(number)
        slow = origin.urls(number, delay_ms=SLOW_MS, host=1)
        return _both(system, quick, list(chain(*zip(slow, quick, strict=True))))


def _dead(images: list[bytes], number: int) -> tuple[float, float]:
    """Seconds of three hosts alone, and beside two that never answer."""
    with Origin("thumbnail", images, hosts=5) as origin, running(origin) as system:
        alive = [origin.urls(number // 3, host=host) for host in range(3)]
        dead = [origin.urls(number // 3, delay_ms=HANGING_MS, host=host) for host in (3, 4)]
        quick = list(chain(*zip(*alive, strict=True)))
        return _both(system, quick, list(chain(*zip(*dead, *alive, strict=True))))


def _both(system: MeasuredSystem, quick: list[str], mixed: list[str]) -> tuple[float, float]:
    return _quick_seconds(system, quick, quick), _quick_seconds(system, mixed, quick)


def _attacked(images: list[bytes], number: int, hosts: int) -> tuple[float, float]:
    """Seconds of a small request alone, and after one that hangs on so many hosts."""
    with Origin("thumbnail", images, hosts=hosts + 1) as origin, running(origin) as system:
        quick = origin.urls(QUICK)
        alone = median(system.job(quick).seconds for _ in range(TIMES))
        hanging = [origin.urls(number, delay_ms=HANGING_MS, host=host + 1) for host in range(hosts)]
        system.start([hanging[n % hosts][n] for n in range(number)])
        time.sleep(HEAD_SECONDS)
        return alone, median(system.job(quick).seconds for _ in range(TIMES))


def _quick_seconds(system: MeasuredSystem, urls: list[str], quick: list[str]) -> float:
    """From the upload's response until the last image of the quick host is completed."""
    request_id = uuid.UUID(system.start(urls))
    accepted_at = time.time()
    database = Database(system.database_url)
    _, last = wait_until(
        lambda: database.read(_completed, request_id),
        lambda seen: seen[0] == len(quick),
    )
    database.close()
    return float(last.timestamp()) - accepted_at


def _completed(tx: sa.Connection, request_id: uuid.UUID) -> tuple[int, Any]:
    """How many images of quick hosts are completed, and when the last one was."""
    quick = sa.and_(Image.input_url.contains("/0/"), Image.status == Status.COMPLETED)
    number, last = tx.execute(
        sa.select(sa.func.count(), sa.func.max(Image.completed_at))
        .join(Request, Request.id == Image.request_id)
        .where(Request.public_id == request_id, quick)
    ).one()
    return number, last
