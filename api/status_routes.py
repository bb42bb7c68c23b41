"""``GET /status/<request_id>``: how far a request is, with a page of its images."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from api import parameters, status_response
from api.problems import Problem
from api.service import service
from work_queue.read_queries import (
    RequestRow,
    find_attempts,
    find_images,
    find_request,
    find_webhook,
)
from work_queue.statuses import Status

POLL_SECONDS = "2"

routes = Blueprint("status", __name__)


@routes.get("/status/<request_id>")
def status(request_id: str) -> Response:
    my = service()
    asked = (parameters.request_uuid(request_id), parameters.after(), parameters.limit())
    found = my.database.read(find_request, asked[0])
    if found is None:
        raise Problem(404, "request_not_found", f"There is no request {asked[0]}.")
    body = my.response_cache.find(asked, found)
    if body is None:
        body = _body(found, *asked[1:])
        my.response_cache.keep(asked, found, body)
    response = Response(body, mimetype="application/json")
    if found.status is not Status.COMPLETED:
        response.headers["Retry-After"] = POLL_SECONDS
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _body(found: RequestRow, after: tuple[int, int], limit: int) -> bytes:
    my = service()
    base = my.settings.public_base_url
    page = my.database.read(find_images, found.id, after=after, limit=limit)
    next_url = None
    if len(page) == limit:
        behind = {"limit": limit, "after": f"{page[-1].row_number}-{page[-1].position}"}
        next_url = f"{base}/status/{found.public_id}?{urlencode(behind)}"
    return jsonify(status_response.status(base, found, page, _webhook(found), next_url)).get_data()


def _webhook(found: RequestRow) -> dict[str, Any] | None:
    if found.webhook_url is None:
        return None
    db = service().database
    webhook = db.read(find_webhook, found.id)
    attempts = db.read(find_attempts, webhook.id) if webhook else []
    return status_response.webhook_of(found, webhook, attempts)
