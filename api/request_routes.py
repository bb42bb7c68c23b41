"""``/requests``: the list, and what may be done to each: retry, cancel, delete, notify again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, jsonify

import webhook
from api import parameters, status_response
from api.authentication import caller, missing_key
from api.key_limits import room_for_images
from api.ownership import own_id, own_request
from api.problems import Problem
from api.service import service
from database import Database
from work_queue import read_queries, request_changes
from work_queue.statuses import Status

STATUSES = (Status.PENDING, Status.PROCESSING, Status.COMPLETED)

logger = logging.getLogger(__name__)
routes = Blueprint("requests", __name__)


@routes.get("/requests")
def requests() -> Response:
    """The newest first, in pages: those of the caller's key, or all for an admin.

    Without a key only where nobody else can call: who knows a request's id may delete it.
    """
    who = caller()
    if who.key is None and not who.is_local:
        raise missing_key()
    my, limit = service(), parameters.limit()
    base, before = my.settings.public_base_url, parameters.before()
    status, q = parameters.one_of("status", STATUSES), parameters.words()
    page = my.database.read(
        read_queries.find_requests,
        key_id=None if who.sees_all else who.key_id,
        before=before,
        limit=limit,
        status=status,
        q=q,
    )
    if page is None:
        raise Problem(400, "invalid_before", "before is what the link `next` gave.")
    next_url = None
    if len(page) == limit:
        behind = {"status": status, "q": q, "limit": limit, "before": page[-1].public_id}
        next_url = f"{base}/requests?{parameters.query(behind)}"
    listed = [status_response.summary(base, request) for request in page]
    return jsonify(requests=listed, next=next_url)


@routes.post("/requests/<request_id>/retry")
def retry(request_id: str) -> tuple[Response, int]:
    """The failed images only, under the same names."""
    found = own_request(request_id)
    room_for_images(found.request.failed)
    return _changed(found.request.public_id, request_changes.retry_failed, "retried")


@routes.post("/requests/<request_id>/cancel")
def cancel(request_id: str) -> tuple[Response, int]:
    """What is done stays; the rest ends Failed with the code ``cancelled``."""
    return _changed(own_id(request_id), request_changes.cancel, "cancelled")


@routes.delete("/requests/<request_id>")
def delete(request_id: str) -> tuple[str, int]:
    my, public_id = service(), own_id(request_id)
    if not my.database.write(request_changes.delete, public_id, my.settings.lease_seconds):
        raise parameters.not_found(public_id)
    try:
        my.storage.hide(public_id)
    except OSError:
        logger.exception("files not hidden", extra={"request_id": public_id})  # they go later
    return "", 204


@routes.get("/requests/<request_id>/webhook")
def notification(request_id: str) -> Response:
    """The body of the notification, byte for byte as it is sent; also where nobody gets it."""
    my, request = service(), _completed(request_id)
    body = webhook.body(webhook.payload(my.database, my.settings, request))
    if _completed(request_id).completed_at != request.completed_at:
        raise parameters.not_completed()  # what was read is mixed: it was tried again meanwhile
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _completed(request_id: str) -> read_queries.RequestRow:
    request = own_request(request_id).request
    if request.status is not Status.COMPLETED:
        raise parameters.not_completed()
    return request


@routes.post("/requests/<request_id>/webhook")
def notify_again(request_id: str) -> tuple[Response, int]:
    """The same notification, under the same id, at once."""
    my, found = service(), own_request(request_id)
    public_id = found.request.public_id
    if not my.database.write(request_changes.notify_again, public_id):
        raise Problem(
            409,
            "no_notification",
            "There is nothing to send again: the request has no webhook_url, or is not completed.",
        )
    my.wake_workers_soon(1)
    return jsonify(request_id=str(public_id), webhook_url=found.request.webhook_url), 202


def _changed(
    public_id: UUID, change: Callable[[Database, UUID], int | None], counted_as: str
) -> tuple[Response, int]:
    my = service()
    images = change(my.database, public_id)
    if images is None:
        raise parameters.not_found(public_id)
    if images:
        my.wake_workers_soon(images)
    status_url = f"{my.settings.public_base_url}/status/{public_id}"
    body = {"request_id": str(public_id), counted_as: images, "status_url": status_url}
    return jsonify(body), 202
