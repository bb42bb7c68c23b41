"""``GET /processed_images/<request_id>/import.csv`` and what else is made when it is asked for."""

from __future__ import annotations

import hashlib
from functools import partial
from itertools import chain

from flask import Blueprint, Response, request

import settings
from api import parameters
from api.file_routes import own_name, save_as
from api.made_files import Chunks, MadeFiles
from api.problems import Problem
from api.service import service
from api.slots import Slots
from manifest import InvalidCsv, ReadingOptions
from storage import (
    FAILED_CSV,
    IMAGES_ZIP,
    IMPORT_CSV,
    IMPORT_XLSX,
    MADE_WORKBOOKS,
    OUTPUT_XLSX,
    REPORT_CSV,
    content_type,
)
from work_queue.read_queries import RequestRow, find_request
from work_queue.statuses import Status

# So many a process has a thread for, so that most of its threads are left for quick answers. Of a
# table all that its client is behind has room, so that only an archive waits for its reader.
MAX_TABLES = MAX_ARCHIVES = 2
BUSY_SECONDS = "5"

routes = Blueprint("made_files", __name__)
tables, archives = Slots(MAX_TABLES), Slots(MAX_ARCHIVES)
SLOTS = {
    IMPORT_CSV: tables,
    REPORT_CSV: tables,
    FAILED_CSV: tables,
    IMAGES_ZIP: archives,
    OUTPUT_XLSX: tables,
    IMPORT_XLSX: tables,
}


def made_file(request_id: str, name: str) -> Response:
    found = _completed(request_id)
    asked = ReadingOptions.stored(found.reading, found.url_column)
    if name in MADE_WORKBOOKS and not asked.is_workbook:
        raise Problem(404, "file_not_found", "The upload was no workbook, so none is made.")
    response = Response(content_type=content_type(name))
    response.automatically_set_content_length = False  # nobody knows it yet
    response.headers["Cache-Control"] = "no-cache"
    save_as(own_name(found, name), response)
    response.set_etag(_etag(found, name), weak=True)
    response.make_conditional(request)
    if response.status_code == 200 and request.method == "GET":
        _fill(response, MadeFiles(service(), found).make(name), SLOTS[name])
    return response


for each in SLOTS:
    routes.add_url_rule(
        f"/processed_images/<request_id>/{each}", view_func=made_file, defaults={"name": each}
    )


def _completed(request_id: str) -> RequestRow:
    public_id = parameters.request_uuid(request_id)
    found = service().database.read(find_request, public_id)
    if found is None:
        raise parameters.not_found(public_id)
    if found.request.status is not Status.COMPLETED:
        raise parameters.not_completed()
    return found.request


def _etag(found: RequestRow, name: str) -> str:
    """Weak, as it says what the bytes are made from, not what they are."""
    base, counters = service().settings.public_base_url, (found.completed, found.failed)
    state = (name, found.public_id, found.completed_at, counters, base, settings.version())
    return hashlib.sha256(repr(state).encode()).hexdigest()[:32]


def _fill(response: Response, made: Chunks, slots: Slots) -> None:
    """Stream it, in one of the slots; what can't be made is a problem, not half a file."""
    if (slot := slots.take()) is None:
        raise Problem(
            503,
            "too_many_downloads",
            "Other tables or archives are being made just now. Please try again.",
            headers={"Retry-After": BUSY_SECONDS},
        )
    chunks = slot.passed(made)
    response.call_on_close(partial(slots.release, slot))
    response.call_on_close(made.close)
    response.call_on_close(chunks.close)
    try:
        first = next(chunks)
    except (FileNotFoundError, InvalidCsv):
        response.close()
        raise Problem(404, "file_not_found", "The upload is not there as it was.") from None
    except BaseException:
        response.close()
        raise
    response.response = chain([first], chunks)
