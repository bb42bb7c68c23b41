"""``GET /healthz`` and ``GET /readyz``: for what watches the service and sends requests to it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import migrations
import settings
from api.problems import Problem
from api.service import service

AWAY = "away: work waits until it is back, and requests are not limited"

routes = Blueprint("health", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """Whether this process answers, and its version."""
    return jsonify(status="ok", version=settings.version())


@routes.get("/readyz")
def readyz() -> Response:
    """Whether uploads can be taken: Redis is not needed, it only makes them start sooner."""
    my = service()
    if reason := migrations.reason_against(my.database):
        raise Problem(503, "wrong_database_version", reason)
    my.storage.check()
    redis = "ok" if my.redis_answers() else AWAY
    return jsonify(status="ok", database="ok", storage="ok", redis=redis)
