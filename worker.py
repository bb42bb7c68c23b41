"""The Celery app and its one task: the order of the steps, and nothing else.

    celery -A worker worker --loglevel=info

The database is the queue, and a message only wakes a worker: it says that there may be work, and
whichever process receives it takes a turn. So it does no harm if one is lost or comes twice.
"""

from __future__ import annotations

import logging
import mmap
import os
import resource
import secrets
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer

from celery import Celery
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    celeryd_after_setup,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.exceptions import OperationalError

import logs
import metrics
import migrations
import settings
from compress.gif.gifsicle import gifsicle_path
from database import Database, Unavailable
from outbound import BlockedHosts, HttpClient, LoadLimits, SharedLimits, has_live_process
from pipeline.housekeeping import Housekeeping, release_crashed
from pipeline.removal import Retention
from pipeline.watchdog import STUCK_SECONDS
from pipeline.worker_loop import Processor
from settings import MIB, Settings
from storage import Storage, check_folders, open_storage
from webhook import Deliveries
from work_queue.claims import work_is_due

logger = logging.getLogger(__name__)

TURN_SECONDS = 300  # then the process wakes itself; a stopping worker ends its turn at once
HEADROOM = 2560 * MIB
MAX_WAKES = 8  # at a time
WAKE_SECONDS = 300  # after which a message wakes nobody: the sweep has looked for work since

QUICK = {"socket_timeout": 1, "socket_connect_timeout": 1}

celery = Celery("image_service", broker=settings.load().redis_url)
celery.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    task_time_limit=TURN_SECONDS + STUCK_SECONDS + 60,  # only what no longer works gets there
    worker_max_tasks_per_child=1_000,  # against leaks in image libraries
    worker_consumer="worker:Consumer",
    worker_enable_remote_control=False,  # or whoever may write to Redis could stop workers
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # Redis may be away for as long as it likes
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    },
)
for chatty in ("celery.worker.strategy", "celery.app.trace"):  # a line for every message
    logging.getLogger(chatty).setLevel(logging.WARNING)


class Consumer(CeleryConsumer):
    """Without the second in which a worker looks for others when it starts, and without hearing
    the heartbeat of each of them: it has nothing to ask.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, without_mingle=True, without_gossip=True, **options)


stopping = mmap.mmap(-1, 1)  # one byte that the parent shares with the processes it forks


@dataclass(frozen=True)
class Process:
    """What one worker process works with, made at its first turn and so after the fork."""

    worker: str
    settings: Settings
    database: Database
    client: HttpClient
    storage: Storage
    processor: Processor
    retention: Retention


@worker_process_init.connect
def _count_process(**_: Any) -> None:
    """Before its first turn, so that the others know of it by then."""
    limits()


@cache
def limits() -> LoadLimits:
    """Those of this process, which are a part of those of all."""
    chosen = settings.load()
    own = LoadLimits(
        connections=chosen.host_connections, requests_per_second=chosen.host_requests_per_second
    )
    SharedLimits(own, chosen.redis_py_url).start()
    return own


@cache
def process() -> Process:
    """The one of this process."""
    _limit_memory()
    chosen = settings.load()
    worker = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
    logs.process_fields["worker"] = worker
    db = Database(chosen.database_url)
    client = HttpClient(
        allowed_ports=chosen.allowed_ports,
        allowed_private_hosts=chosen.allowed_private_hosts,
        blocked_hosts=BlockedHosts.of(chosen.blocked_hosts),
        contact_url=chosen.contact_url,
        connections=2 * chosen.download_concurrency,  # as many threads as HostLimits has
        limits=limits(),
    )
    storage = open_storage(chosen)
    processor = Processor(
        db, client, storage, chosen, worker=worker, is_stopping=lambda: stopping[0] != 0
    )
    return Process(worker, chosen, db, client, storage, processor, Retention(db, chosen))


def _limit_memory() -> None:
    """An image that needs more memory than HEADROOM fails, instead of taking the machine down.

    The most that was measured is 1 GB, for a PNG of 30 megapixels, beside the downloads and what
    their threads and those of a bucket reserve.
    """
    statm = Path("/proc/self/statm")
    if statm.exists():  # on Linux
        address_space = int(statm.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (address_space + HEADROOM, hard))


@celery.task(name="turn")
def turn() -> None:
    """Work on images, complete requests and deliver webhooks, until nothing is due."""
    try:
        _take_turn(process())
    except Unavailable:  # the sweep wakes it again; database.py has logged why
        return


def _take_turn(my: Process) -> None:
    my.retention.apply_when_due()
    if not my.database.read(work_is_due):
        return
    ends_at = time.monotonic() + TURN_SECONDS
    release_crashed(my.database, my.settings)
    with (
        Deliveries(my.database, my.client, my.settings, my.worker) as deliveries,
        Housekeeping(
            my.database, my.storage, my.settings, deliveries, worker=my.worker
        ) as housekeeping,
    ):
        housekeeping.begin()
        my.processor.take_turn(TURN_SECONDS, housekeeping)
    if time.monotonic() > ends_at:
        wake_workers(1)


def wake_workers(times: int) -> None:
    """Wake up to ``times`` worker processes; where Redis is down, the sweep does it later."""
    try:
        for _ in range(min(times, MAX_WAKES)):
            turn.apply_async(expires=WAKE_SECONDS)
    except OperationalError:
        logger.warning("Redis is down: the sweep will find the work")


def redis_answers() -> bool:
    """Whether Redis answers, within a second or so."""
    try:
        with celery.connection_for_write(transport_options=QUICK) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)
    except OperationalError:
        return False
    return True


def has_live_worker() -> bool | None:
    """Whether a worker process was heard of in the last minute; None while Redis is away."""
    return has_live_process(settings.load().redis_py_url)


# --- the sweep: a timer in the worker's parent process ----------------------------------------


@worker_ready.connect
def _start_sweeping(sender: Any, **_: Any) -> None:
    """Every SWEEP_SECONDS, wake the processes that have nothing to do; they look for themselves.

    Celery sends this signal again after each reconnection to Redis.
    """
    global _sweep
    if _sweep is not None:
        _sweep.cancel()
    seconds = settings.load().sweep_seconds
    _sweep = sender.timer.call_repeatedly(seconds, _wake_idle, (sender.controller.concurrency,))


_sweep: Any = None


def _wake_idle(processes: int) -> None:
    metrics.SWEEPS.add()
    wake_workers(processes - len(state.active_requests))


@worker_init.connect
def _check_settings(**_: Any) -> None:
    """In the parent, before it forks: a wrong database, folder or bucket ends it with one line."""
    os.umask(settings.PRIVATE)
    open_storage(settings.load())
    check_folders(settings.load())
    with closing(Database(settings.load().database_url)) as db:
        migrations.prepare(db)
    metrics_server()


@cache
def metrics_server() -> WSGIServer | None:
    """Where METRICS_PORT asks for one, in the parent: it has the sums of all its processes."""
    chosen = settings.load()
    if not chosen.metrics_port:
        return None
    try:
        return metrics.serve(chosen.metrics_host, chosen.metrics_port)
    except OSError as error:
        where = f"{chosen.metrics_host}:{chosen.metrics_port}"
        raise SystemExit(f"METRICS_PORT: nothing can listen on {where}: {error}.") from None


@worker_process_init.connect
def _leave_metrics_to_the_parent(**_: Any) -> None:
    """Or the port would stay taken while a process outlives its parent."""
    if server := metrics_server():
        server.socket.close()


@after_setup_logger.connect
@after_setup_task_logger.connect
def _show_fields(logger: logging.Logger, **_: Any) -> None:
    logs.show_fields(logger, settings.load().log_format)


@celeryd_after_setup.connect
def _leave_out_the_banner(instance: Any, **_: Any) -> None:
    """Where lines are JSON, which Celery's banner is not."""
    instance.quiet = instance.quiet or settings.load().log_format == "json"


@celeryd_after_setup.connect
def _say_what_is_missing(**_: Any) -> None:
    """Once a start, as soon as there is a log."""
    if gifsicle_path() is None:
        logger.warning(
            "gifsicle is not installed: some GIFs, mostly drawings, come out with less quality or "
            "fewer pixels (Debian, Ubuntu: apt-get install gifsicle; macOS: brew install gifsicle)"
        )


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    stopping[0] = 1
