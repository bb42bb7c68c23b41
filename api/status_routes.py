"""``GET /status/<request_id>``: how far a request is, with a page of its images."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, jsonify
from flask import request as http_request

from api import parameters, status_response
from api.ownership import own_request
from api.poll_pace import MIN_SECONDS
from api.service import service
from work_queue.catalogue_faults import Fault
from work_queue.read_queries import (
    FoundRequest,
    ImageRow,
    Sort,
    find_images,
    find_sorted_images,
)
from work_queue.statuses import Status

STATUSES = (Status.PENDING, Status.PROCESSING, Status.COMPLETED, Status.FAILED)

routes = Blueprint("status", __name__)


class Chosen(NamedTuple):
    """Which images are asked for, and in which order: so many behind a place, of a status, with a
    fault, with a word. The place is a (row, position), behind the sort key where there is a
    ``sort``.
    """

    after: tuple[int, ...]
    limit: int
    status: Status | None
    fault: Fault | None
    q: str | None
    sort: Sort | None


@routes.get("/status/<request_id>")
def status(request_id: str) -> Response:
    my, chosen = service(), _chosen()
    found = own_request(request_id)
    asked = (found.request.public_id, chosen)
    body = my.response_cache.find(asked, found)
    if body is None:
        body = _body(found, chosen)
        my.response_cache.keep(asked, found, body)
    response = Response(body, mimetype="application/json")
    if found.request.status is not Status.COMPLETED:
        is_first_page = not any(chosen.after)  # who pages on is no other watcher
        pace = my.poll_pace.seconds(found.request.id) if is_first_page else MIN_SECONDS
        response.headers["Retry-After"] = str(pace)
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(http_request)
    return response


def _chosen() -> Chosen:
    sort = parameters.one_of("sort", Sort)
    sort = None if sort is Sort.ROW else sort
    return Chosen(
        parameters.after(3 if sort else 2),
        parameters.limit(),
        parameters.one_of("status", STATUSES),
        parameters.one_of("fault", Fault),
        parameters.words(),
        sort,
    )


def _body(found: FoundRequest, chosen: Chosen) -> bytes:
    base, request = service().settings.public_base_url, found.request
    page, last = _page(request.id, chosen)
    next_url = None
    if len(page) == chosen.limit:
        after = "-".join(map(str, last))
        behind = parameters.query({**chosen._asdict(), "after": after})
        next_url = f"{base}/status/{request.public_id}?{behind}"
    faults = None
    if request.status is Status.COMPLETED:
        faults = service().fault_cache.of(service().database, request)
    return jsonify(status_response.status(base, found, faults, page, next_url)).get_data()


def _page(request_id: int, chosen: Chosen) -> tuple[list[ImageRow], tuple[int, ...]]:
    """The images, and the place of the last one."""
    asked = chosen._asdict()
    if chosen.sort is None:
        del asked["sort"]
        images = service().database.read(find_images, request_id, **asked)
        keys: tuple[int, ...] = ()
    else:
        keyed = service().database.read(find_sorted_images, request_id, **asked)
        images = [image for _, image in keyed]
        keys = (keyed[-1][0],) if keyed else ()
    return images, (*keys, images[-1].row_number, images[-1].position) if images else ()
