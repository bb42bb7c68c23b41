"""``GET /status/<request_id>``: how far a request is, with a page of its images."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify
from flask import request as http_request

from api import parameters, status_response
from api.problems import Problem
from api.service import service
from work_queue.read_queries import FoundRequest, find_images, find_request
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
    body = my.response_cache.find(asked, found.request)
    if body is None:
        body = _body(found, *asked[1:])
        my.response_cache.keep(asked, found.request, body)
    response = Response(body, mimetype="application/json")
    if found.request.status is not Status.COMPLETED:
        response.headers["Retry-After"] = POLL_SECONDS
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(http_request)
    return response


def _body(found: FoundRequest, after: tuple[int, int], limit: int) -> bytes:
    my, request = service(), found.request
    base = my.settings.public_base_url
    page = my.database.read(find_images, request.id, after=after, limit=limit)
    next_url = None
    if len(page) == limit:
        behind = {"limit": limit, "after": f"{page[-1].row_number}-{page[-1].position}"}
        next_url = f"{base}/status/{request.public_id}?{urlencode(behind)}"
    return jsonify(status_response.status(base, found, page, next_url)).get_data()
