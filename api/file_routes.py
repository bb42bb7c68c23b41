"""``GET /processed_images/<request_id>/<name>``: the compressed images and the output CSV."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePath
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from api import parameters
from api.problems import Problem
from api.service import service
from database import Unavailable
from manifest import output_links
from storage import (
    IMAGE_TYPES,
    IMMUTABLE,
    MAX_IMAGE_NAME,
    OUTPUT_CSV,
    StoredFile,
    content_type,
    image_url,
)
from work_queue.read_queries import RequestRow, find_request

ATTRIBUTE_CHARS = "!#$&+-.^_`|~"  # RFC 8187, section 3.2.1, with letters and digits
SEND_BYTES = 64 * 1024  # of a file, at a time
IMAGE_NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)+\.({'|'.join(IMAGE_TYPES)})")

routes = Blueprint("files", __name__)


@routes.get("/processed_images/<request_id>/<name>")
def processed_image(request_id: str, name: str) -> Response:
    public_id = parameters.request_uuid(request_id)
    is_image = len(name) <= MAX_IMAGE_NAME and IMAGE_NAME.fullmatch(name) is not None
    if not is_image and name != OUTPUT_CSV:
        raise Problem(404, "file_not_found", "There is no such file.")
    try:
        stored = service().storage.open(public_id, name)
    except FileNotFoundError:
        raise Problem(404, "file_not_found", "There is no such file, or not yet.") from None
    current = stored if is_image else _with_links_of_today(public_id, stored)
    response = _file(current, content_type(name))
    # An image never changes; the output CSV is written anew when its images are tried again.
    response.headers["Cache-Control"] = IMMUTABLE if is_image else "no-cache"
    if is_image:  # a shop's pages embed it
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    else:
        save_as(_output_csv_name(public_id), response)
    return response


def _with_links_of_today(public_id: UUID, stored: StoredFile) -> StoredFile:
    """The output CSV, made anew where PUBLIC_BASE_URL was another one when it was written.

    It is not stored: a worker may be writing it at this moment.
    """
    base, folder = service().settings.public_base_url, image_url("", public_id, "")
    if output_links.base_url(stored.content, folder) in (None, base):
        stored.content.seek(0)
        return stored
    with stored.content:
        content: Any = TemporaryFile()  # noqa: SIM115 - it is closed with the response
        output_links.rewrite(stored.content, content, folder, base)
    size = content.tell()
    content.seek(0)
    etag = f"{stored.etag}-{hashlib.sha256(base.encode()).hexdigest()[:16]}"
    return StoredFile(content, size, etag, datetime.now(UTC))  # newer than what anybody has


def _output_csv_name(public_id: UUID) -> str:
    with suppress(Unavailable):  # the file is there all the same
        if found := service().database.read(find_request, public_id):
            return own_name(found.request, OUTPUT_CSV)
    return OUTPUT_CSV


def own_name(request: RequestRow, name: str) -> str:
    """A name that a person recognises: that of the upload, as in ``products-output.csv``."""
    return f"{PurePath(request.file_name).stem or 'products'}-{name}"


def save_as(name: str, response: Response) -> None:
    """Have a browser save it under a name (RFC 6266, with ASCII for who doesn't know more)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    names = {"filename": plain}
    if plain != name:
        names["filename*"] = f"UTF-8''{quote(name, safe=ATTRIBUTE_CHARS)}"
    response.headers.set("Content-Disposition", "attachment", **names)


def _wrapper(stored: StoredFile) -> type[Any]:
    """The server's own for a file on disk, which it sends without a thread; a bucket's would hold
    up all of its connections.
    """
    is_on_disk = isinstance(stored.content.raw, io.FileIO)
    server_s: type[Any] | None = request.environ.get("wsgi.file_wrapper")
    return server_s if is_on_disk and server_s else FileWrapper


def _file(stored: StoredFile, kind: str) -> Response:
    """A file, a range of it (RFC 9110, section 14), or 304 when the user has it already."""
    content = _wrapper(stored)(stored.content, SEND_BYTES)
    response = Response(content, content_type=kind, direct_passthrough=True)
    response.content_length = stored.size
    response.last_modified = stored.modified
    response.set_etag(stored.etag)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=stored.size)
    except RequestedRangeNotSatisfiable:
        stored.content.close()
        raise
    return response
