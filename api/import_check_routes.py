"""``GET /requests/<request_id>/import-check``: what a shop's importer would refuse, before anybody
tries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify

from api import parameters
from api.ownership import own_request
from api.problems import Problem
from api.service import service
from shops import SHOPS, CheckedImage, Finding, ImportCheck, Target
from storage import image_url
from work_queue.read_queries import EndedImage, RequestRow, find_ended
from work_queue.statuses import Status

MAX_AT_ONCE = 2  # of a process: 100,000 images take a thread for a few seconds

routes = Blueprint("import_check", __name__)
slots = threading.BoundedSemaphore(MAX_AT_ONCE)


@routes.get("/requests/<request_id>/import-check")
def import_check(request_id: str) -> Response:
    """All images are looked at; the first thousand findings are shown, and all are counted."""
    target = parameters.one_of("target", Target)
    request = own_request(request_id).request
    if target is None and request.preset:
        target = Target(request.preset)
    if target is None:
        known = ", ".join(Target)
        raise Problem(400, "missing_target", f"target says for which shop: one of {known}.")
    if request.status is not Status.COMPLETED:
        raise parameters.not_completed()
    return jsonify(_body(request, target, _checked(request, target)))


def _checked(request: RequestRow, target: Target) -> ImportCheck:
    if not slots.acquire(blocking=False):
        sentence = "Other requests are being checked just now. Please try again."
        raise Problem(503, "too_many_checks", sentence, headers={"Retry-After": "5"})
    try:
        return _check(request, target)
    finally:
        slots.release()


def _check(request: RequestRow, target: Target) -> ImportCheck:
    folder_url = image_url(service().settings.public_base_url, request.public_id, "")
    check = ImportCheck(SHOPS[target])
    for image in _images(request):
        if image.output_name is None:
            check.look_at_failed(image.row_number, image.position, image.input_url)
            continue
        check.look_at(
            CheckedImage(
                image.row_number,
                image.position,
                folder_url + image.output_name,
                *(image.format, image.output_bytes, image.width, image.height),
            )
        )
    return check


def _images(request: RequestRow) -> Iterator[EndedImage]:
    """All of them, a page at a time."""
    after = (0, 0)
    while page := service().database.read(find_ended, request.id, after=after):
        yield from page
        after = (page[-1].row_number, page[-1].position)


def _body(request: RequestRow, target: Target, check: ImportCheck) -> dict[str, Any]:
    return {
        "request_id": str(request.public_id),
        "target": target,
        "checked": check.checked,
        "total": check.total,
        "counts": check.counts(),
        "findings": [_finding(each) for each in check.findings],
        "advice": list(check.shop.advice),
    }


def _finding(found: Finding) -> dict[str, Any]:
    source = {"name": found.source.name, "url": found.source.url}
    return {**found._asdict(), "source": source, "certainty": found.source.certainty}
