"""``/operator``: how the service is doing, and pauses of a host, or of all work."""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from api.authentication import caller, missing_key
from api.health_routes import WORKERS
from api.problems import Problem
from api.service import service
from api.status_response import time_of
from work_queue import pauses, tallies
from work_queue.models import ALL_WORK, MAX_HOST
from work_queue.queue_state import queue_state

HOST = re.compile(r"[^\s/?#\\@\x00-\x20]+")  # what a URL may have between // and its path
WAKES = 8  # worker processes that a resume wakes; the sweep wakes the others

routes = Blueprint("operator", __name__)


@routes.before_request
def check_operator() -> None:
    """Raises a Problem for whoever has no admin's key, but where only this machine can call."""
    if request.method == "OPTIONS":
        return
    who = caller()
    if who.key is None and not who.is_local:
        raise missing_key()
    if who.key is not None and not who.sees_all:
        raise Problem(
            403, "admin_only", "This is for an admin's key (`make key NAME=… ADMIN=1` makes one)."
        )


@routes.get("/operator")
def look() -> Response:
    """How much waits, how fast it goes, what fails where, and what is paused."""
    my = service()
    read = my.database.read
    state, paused = read(queue_state), read(pauses.find_pauses)
    since = {pause.host: time_of(pause.paused_at) for pause in paused}
    response = jsonify(
        paused_at=since.get(ALL_WORK),
        open_requests=state.requests,
        waiting_images=state.images,
        oldest_due_seconds=state.oldest_image_seconds or None,
        images_per_second=round(read(tallies.images_per_second), 2),
        workers=WORKERS[my.has_live_worker()],
        processes=[
            {**process._asdict(), "seen_at": time_of(process.seen_at)}
            for process in read(tallies.find_workers)
        ],
        pauses=[
            {"host": pause.host, "paused_at": since[pause.host], "waiting_images": pause.images}
            for pause in paused
            if pause.host != ALL_WORK
        ],
        failure_hours=tallies.KEPT_HOURS,
        failures=[failure._asdict() for failure in read(tallies.find_failures)],
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.put("/operator/pauses/<host>")
def pause(host: str) -> Response:
    """Let nobody claim images of a host, or any with ``*``; also where that is so already."""
    named = _host(host)
    pauses.pause(service().database, named)
    return jsonify(host=named, paused=True)


@routes.delete("/operator/pauses/<host>")
def resume(host: str) -> Response:
    """Go on, at once; also where nothing was paused."""
    my, named = service(), _host(host)
    if my.database.write(pauses.resume, named):
        my.wake_workers_soon(WAKES)
    return jsonify(host=named, paused=False)


def _host(text: str) -> str:
    """As the workers know a host: in lower case, with the port where URLs have one."""
    if not HOST.fullmatch(text) or len(text.encode("utf-16-le")) > 2 * MAX_HOST:
        raise Problem(
            400,
            "invalid_host_name",
            "The host is named as URLs have it, as in shop.example or shop.example:8443; * is all "
            "work.",
        )
    return text.lower()
