"""``POST /upload``: a CSV is stored with its rows, and the workers are woken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import IO
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

import metrics
from api import access_log, form, idempotency
from api.authentication import caller, check_still_valid
from api.content_encoding import unpack_body
from api.key_limits import of_full_room, room_for_images
from api.problems import Problem
from api.service import Service, service
from manifest import InvalidCsv, open_manifest
from manifest.columns import column_names
from work_queue.column_types import fit_column
from work_queue.intake import KeyTaken, NewRequest, Stored, forget_old_keys, store_request
from work_queue.models import MAX_FILE_NAME
from work_queue.read_queries import find_by_key
from work_queue.statuses import Status

CSV_TYPES = ("text/csv", "application/csv")

routes = Blueprint("upload", __name__)


@routes.after_request
def _count(response: Response) -> Response:
    """Also what was refused: this is asked of every response to an upload."""
    outcomes = {2: "accepted", 4: "refused"}
    metrics.UPLOADS.add(1, outcomes.get(response.status_code // 100, "failed"))
    return response


@routes.post("/upload")
def upload() -> tuple[Response, int, dict[str, str]]:
    my = service()
    room = room_for_images()
    unpack_body(my.settings.max_upload_bytes)
    file_name, content = _uploaded_csv()
    new = replace(form.new_request(file_name, request.values), key_id=caller().key_id)
    access_log.name_request(new.public_id)
    with my.storage.keep_upload(new.public_id, content) as path:
        public_id, stored = _store(my, new, path, room)
    access_log.name_request(public_id)
    if public_id == new.public_id:
        metrics.UPLOADED_IMAGES.add(stored.images)
    else:  # the file of the first time is there already
        my.storage.drop_upload(new.public_id)
    my.wake_workers_soon(stored.images)
    status_url = f"/status/{public_id}"
    body = {
        "request_id": str(public_id),
        "status": Status.PENDING,
        "status_url": my.settings.public_base_url + status_url,
        "rows": stored.rows,
        "images": stored.images,
    }
    return jsonify(body), 202, {"Location": status_url}


def _store(my: Service, new: NewRequest, upload: Path, room: int) -> tuple[UUID, Stored]:
    """The request with this upload, and how much it is.

    That is an earlier request where the upload was sent again under its key.
    """
    try:
        check_still_valid()
        new = idempotency.with_key(new, upload, request.values)
        return _earlier(my, new) or (new.public_id, _store_new(my, new, upload, room))
    except KeyTaken:  # by one that was sent at the same moment
        if earlier := _earlier(my, new):
            return earlier
        raise
    except Problem:
        my.storage.drop_upload(new.public_id)
        raise


def _earlier(my: Service, new: NewRequest) -> tuple[UUID, Stored] | None:
    if new.idempotency_key is None:
        return None
    my.database.write(forget_old_keys)
    found = my.database.read(find_by_key, new.idempotency_key)
    if found is None:
        return None
    idempotency.check_same(new, found)
    return found.public_id, Stored(found.row_count, found.total)


def _store_new(my: Service, new: NewRequest, upload: Path, room: int) -> Stored:
    try:
        manifest = open_manifest(
            upload,
            url_columns=column_names(new.url_column),
            max_rows=my.settings.max_rows,
            max_images=min(my.settings.max_images, room),
        )
        return store_request(my.database, new, manifest)
    except InvalidCsv as error:  # after others the rows may be there, and the file must be too
        my.storage.drop_upload(new.public_id)
        raise of_full_room(error, room) or error from None


def _uploaded_csv() -> tuple[str, IO[bytes]]:
    """The name and the content of the uploaded file, however it was sent."""
    if request.mimetype in CSV_TYPES:
        return "upload.csv", request.stream
    if request.mimetype != "multipart/form-data":
        raise Problem(
            415,
            "unsupported_media_type",
            "Send the CSV as the field `file` of a multipart form (curl -F file=@products.csv), "
            "or as the whole body with the type text/csv.",
        )
    for name in form.FILE_FIELDS:
        if (file := request.files.get(name)) is not None and file.filename:
            base_name = PureWindowsPath(file.filename).name
            printable = "".join(filter(str.isprintable, base_name))
            return fit_column(printable, MAX_FILE_NAME), file.stream
    raise Problem(
        400,
        "missing_file",
        f"There is no file in the form: the field is {' or '.join(form.FILE_FIELDS)}.",
    )
