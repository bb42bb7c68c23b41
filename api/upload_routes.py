"""``POST /upload``: a CSV is stored with its rows, and the workers are woken."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import IO, Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

import metrics
from api import (
    access_log,
    dry_run_response,
    form,
    idempotency,
    json_upload,
    source_table,
    workbook_upload,
)
from api.authentication import caller, check_still_valid
from api.content_encoding import unpack_body
from api.key_limits import bounds_of_caller, of_full_room, of_no_room, room_for_images
from api.problems import UNSUPPORTED_UPLOAD, Problem, of_csv_problem
from api.service import Service, service
from manifest import CsvProblem, InvalidCsv, ReadingOptions, Row, open_manifest
from manifest.dry_run import dry_run
from settings import MIB
from storage import XLSX_TYPE
from work_queue.api_keys import NoRoom
from work_queue.column_types import fit_column
from work_queue.intake import KeyTaken, NewRequest, Stored, forget_old_keys, store_request
from work_queue.models import MAX_FILE_NAME
from work_queue.read_queries import find_by_key
from work_queue.statuses import Status

BODY_TYPES = {  # with the names that such a body gets
    "text/csv": "upload.csv",
    "application/csv": "upload.csv",
    XLSX_TYPE: "upload.xlsx",
}
JSON_TYPE = "application/json"
MAX_SKIPPED_SHOWN = 10
MISSING_FILE = Problem(
    400,
    "missing_file",
    f"There is no file in the form: the field is {' or '.join(form.FILE_FIELDS)}.",
)

NO_UPLOAD = (200, 401, 429)  # a dry run, and who may not upload now

routes = Blueprint("upload", __name__)


class Sent(NamedTuple):
    """A table, its name, and the options that came with it; without a table they name its URL."""

    file_name: str
    content: IO[bytes] | None
    fields: list[tuple[str, str]]


@dataclass
class UploadedCsv:
    """An upload in its file; once its rows were read, how many were left out, and why the first."""

    path: Path
    reading: ReadingOptions
    max_images: int
    skipped: int = 0
    problems: list[CsvProblem] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Those of the job. Raises InvalidCsv."""
        max_rows = service().settings.max_rows
        self.skipped, self.problems = 0, []
        for row in open_manifest(
            self.path, self.reading, max_rows=max_rows, max_images=self.max_images
        ):
            if row.problems:
                self.skipped += 1
                self.problems += row.problems[: MAX_SKIPPED_SHOWN - len(self.problems)]
            else:
                yield row


@routes.after_request
def _count(response: Response) -> Response:
    """Also what was refused: this is asked of every response to an upload."""
    if request.method == "POST" and response.status_code not in NO_UPLOAD:
        refused = "refused" if response.status_code < 500 else "failed"
        metrics.UPLOADS.add(1, "accepted" if response.status_code == 202 else refused)
    return response


@routes.post("/upload")
def upload() -> tuple[Response, int, dict[str, str]]:
    my = service()
    unpack_body(my.settings.max_upload_bytes)
    sent = _sent()
    asked = form.upload(sent.file_name, sent.fields)
    name = source_table.file_name(asked.source_url) if asked.source_url else sent.file_name
    content = _content(sent, asked.source_url)
    with workbook_upload.as_csv(content, asked.reading, my.settings) as table:
        if asked.is_dry_run:
            return _dry_run(my, table), 200, {}
        new = replace(asked.new, key_id=caller().key_id, file_name=_shown(name))
        return _accepted(my, new, table, sent.fields)


def _accepted(
    my: Service, new: NewRequest, table: workbook_upload.Table, fields: list[tuple[str, str]]
) -> tuple[Response, int, dict[str, str]]:
    reading = table.reading
    new = replace(new, reading=reading.as_json())
    access_log.name_request(new.public_id)
    with my.storage.keep_upload(new.public_id, table.content) as path:
        csv = UploadedCsv(path, reading, my.settings.max_images)
        public_id, stored = _store(my, new, csv, fields)
    access_log.name_request(public_id)
    if public_id == new.public_id:
        metrics.UPLOADED_IMAGES.add(stored.images)
    my.wake_workers_soon(stored.images)
    status_url = f"/status/{public_id}"
    body: dict[str, Any] = {
        "request_id": str(public_id),
        "status": Status.PENDING,
        "status_url": my.settings.public_base_url + status_url,
        "rows": stored.rows,
        "images": stored.images,
    }
    if reading.skips_problems:
        body["skipped"] = csv.skipped
        body["problems"] = [of_csv_problem(problem) for problem in csv.problems]
    if table.hints:
        body["hints"] = table.hints
    return jsonify(body), 202, {"Location": status_url}


def _content(sent: Sent, source_url: str | None) -> IO[bytes]:
    """The table, as it was sent or from where it is."""
    if source_url is None:
        if sent.content is None:
            raise MISSING_FILE
        return sent.content
    if sent.content is not None:
        sentence = "The field source_url stands in place of a file: send one of them."
        raise Problem(422, "invalid_source_url", sentence, field="source_url")
    return io.BytesIO(source_table.fetch(source_url))


def _dry_run(my: Service, table: workbook_upload.Table) -> Response:
    limits = my.settings
    with tempfile.NamedTemporaryFile() as file:
        shutil.copyfileobj(table.content, file, MIB)
        file.flush()
        path = Path(file.name)
        found = dry_run(path, table.reading, max_rows=limits.max_rows, max_images=limits.max_images)
    return jsonify(dry_run_response.dry_run(found, table))


def _store(
    my: Service, new: NewRequest, csv: UploadedCsv, fields: list[tuple[str, str]]
) -> tuple[UUID, Stored]:
    """The request with this upload, and how much it is.

    That is an earlier request where the upload was sent again under its key.
    """
    with _dropping(my, new.public_id):
        check_still_valid()
        new = idempotency.with_key(new, csv.path, fields)
        if earlier := _earlier(my, new, csv):
            return earlier
        room = room_for_images()
    try:
        return new.public_id, _store_new(my, new, csv, room)
    except KeyTaken:  # by one that was sent at the same moment
        with _dropping(my, new.public_id):
            if earlier := _earlier(my, new, csv):
                return earlier
            raise


@contextmanager
def _dropping(my: Service, public_id: UUID) -> Iterator[None]:
    """Drop the upload where anything is raised before its rows are written: nobody needs it."""
    try:
        yield
    except BaseException:
        my.storage.drop_upload(public_id)
        raise


def _earlier(my: Service, new: NewRequest, csv: UploadedCsv) -> tuple[UUID, Stored] | None:
    if new.idempotency_key is None:
        return None
    my.database.write(forget_old_keys)
    found = my.database.read(find_by_key, new.idempotency_key)
    if found is None:
        return None
    idempotency.check_same(new, found)
    if csv.reading.skips_problems:
        deque(csv.rows(), maxlen=0)  # the same rows are left out
    my.storage.drop_upload(new.public_id)  # the file of the first time is there already
    return found.public_id, Stored(found.row_count, found.total)


def _store_new(my: Service, new: NewRequest, csv: UploadedCsv, room: int) -> Stored:
    csv.max_images = min(my.settings.max_images, room)
    try:
        return store_request(my.database, new, csv.rows(), bounds_of_caller())
    except NoRoom as full:
        my.storage.drop_upload(new.public_id)
        raise of_no_room(full) from None
    except InvalidCsv as error:  # after others the rows may be there, and the file must be too
        my.storage.drop_upload(new.public_id)
        raise of_full_room(error, room) or error from None


def _shown(file_name: str) -> str:
    """A name for lists and headers."""
    return fit_column("".join(filter(str.isprintable, file_name)), MAX_FILE_NAME)


def _sent() -> Sent:
    """What was uploaded, however it was sent."""
    in_query = list(request.args.items(multi=True))
    if name := BODY_TYPES.get(request.mimetype):
        return Sent(name, request.stream, in_query)
    if request.mimetype == JSON_TYPE:
        sent = json_upload.read(request.stream.read(json_upload.MAX_BYTES + 1))
        content = io.BytesIO(sent.content) if sent.content else None
        return Sent("upload.json", content, in_query + sent.options)
    fields = in_query + list(request.form.items(multi=True))
    for name in form.FILE_FIELDS:
        if (file := request.files.get(name)) is not None and file.filename:
            return Sent(PureWindowsPath(file.filename).name, file.stream, fields)
    if form.has_source(fields):
        return Sent("source.csv", None, fields)
    raise MISSING_FILE if request.mimetype == "multipart/form-data" else UNSUPPORTED_UPLOAD
