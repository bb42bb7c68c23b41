"""``GET /healthz`` and ``GET /readyz``: for what watches the service and sends requests to it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import migrations
import settings
from api.problems import Problem
from api.service import service
from work_queue.pauses import work_is_paused
from work_queue.queue_state import oldest_due_seconds

WORKERS = {
    True: "ok",
    False: "none was heard of in the last minute: work waits until one is started",
    None: "unknown: Redis, by which they are heard of, is away",
}

PAUSED = "paused: images wait until an operator lets the work go on"
AWAY = "away: work waits until it is back, and requests are not limited"

routes = Blueprint("health", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """Whether this process answers, and its version."""
    return jsonify(status="ok", version=settings.version())


@routes.get("/readyz")
def readyz() -> Response:
    """Whether uploads can be taken, and ``degraded`` where their images have to wait.

    Neither Redis nor a worker is needed to take one.
    """
    my = service()
    if reason := migrations.reason_against(my.database):
        raise Problem(503, "wrong_database_version", reason)
    my.storage.check()
    redis = "ok" if my.redis_answers() else AWAY
    workers = WORKERS[my.has_live_worker()]
    work = PAUSED if my.database.read(work_is_paused) else "ok"
    return jsonify(
        status="ok" if redis == workers == work == "ok" else "degraded",
        database="ok",
        storage="ok",
        redis=redis,
        workers=workers,
        work=work,
        oldest_due_seconds=my.database.read(oldest_due_seconds),
    )
