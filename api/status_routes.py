"""``GET /status/<request_id>``: how far a request is, with a page of its images."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, jsonify
from flask import request as http_request

from api import parameters, status_response
from api.ownership import own_request
from api.service import service
from work_queue.read_queries import FoundRequest, find_images
from work_queue.statuses import Status

POLL_SECONDS = "2"

STATUSES = (Status.PENDING, Status.PROCESSING, Status.COMPLETED, Status.FAILED)

routes = Blueprint("status", __name__)


class Chosen(NamedTuple):
    """Which images are asked for: so many behind a (row, position), of a status, with a word."""

    after: tuple[int, int]
    limit: int
    status: Status | None
    q: str | None


@routes.get("/status/<request_id>")
def status(request_id: str) -> Response:
    my = service()
    chosen = Chosen(
        parameters.after(),
        parameters.limit(),
        parameters.one_of("status", STATUSES),
        parameters.words(),
    )
    found = own_request(request_id)
    asked = (found.request.public_id, chosen)
    body = my.response_cache.find(asked, found.request)
    if body is None:
        body = _body(found, chosen)
        my.response_cache.keep(asked, found.request, body)
    response = Response(body, mimetype="application/json")
    if found.request.status is not Status.COMPLETED:
        response.headers["Retry-After"] = POLL_SECONDS
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(http_request)
    return response


def _body(found: FoundRequest, chosen: Chosen) -> bytes:
    my, request = service(), found.request
    base = my.settings.public_base_url
    page = my.database.read(find_images, request.id, **chosen._asdict())
    next_url = None
    if len(page) == chosen.limit:
        after = f"{page[-1].row_number}-{page[-1].position}"
        behind = parameters.query({**chosen._asdict(), "after": after})
        next_url = f"{base}/status/{request.public_id}?{behind}"
    return jsonify(status_response.status(base, found, page, next_url)).get_data()
