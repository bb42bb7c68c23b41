"""``GET /metrics``: what Prometheus reads, for the inside only."""

from __future__ import annotations

from flask import Blueprint, Response, request

import metrics
from api.authentication import sent_key
from api.problems import Problem
from api.service import service
from database import Database, Unavailable
from metrics import Gauge
from settings import is_loopback
from work_queue.queue_state import queue_state

routes = Blueprint("metrics", __name__)


@routes.get("/metrics")
def show() -> Response:
    """Of all processes of this API; what waits is read from the database, which all of them share.

    While the database does not answer, ``database_up`` is 0 and what waits is left out.
    """
    check_reader()
    gauges = _gauges(service().database)
    body, content_type = metrics.exposition(request.headers.get("Accept", ""), gauges)
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})


def check_reader() -> None:
    """Raises a Problem for whoever may not read them.

    This machine may, and an admin's key; others only where a gateway decides who reaches the API,
    and that one lets nobody come here.
    """
    my = service()
    if is_loopback(request.remote_addr or "") or my.settings.behind_gateway:
        return
    key = my.known_keys.find(sent_key() or "")
    if key is None or key.scope != "admin":
        raise Problem(
            403, "metrics_are_private", "The metrics are for this machine, and for an admin's key."
        )


def _gauges(database: Database) -> list[Gauge]:
    up = "Whether the database answers."
    try:
        state = database.read(queue_state)
    except Unavailable:
        return [Gauge("database_up", up, 0)]
    return [
        Gauge("database_up", up, 1),
        Gauge("open_requests", "Requests that are not completed.", state.requests),
        Gauge("queued_images", "Images that have not ended.", state.images),
        Gauge(
            "oldest_due_image_seconds",
            "For how long the image that is due longest has waited to be worked on.",
            state.oldest_image_seconds,
        ),
        Gauge("queued_webhooks", "Notifications that are not delivered.", state.webhooks),
        Gauge(
            "oldest_due_webhook_seconds",
            "For how long the notification that is due longest has waited to be sent.",
            state.oldest_webhook_seconds,
        ),
    ]
