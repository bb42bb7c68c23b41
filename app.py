"""HTTP only: the routes, and the server that serves them.

python app.py
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    render_template,
    request,
)
from gunicorn.app.base import BaseApplication
from werkzeug.exceptions import RequestedRangeNotSatisfiable, RequestEntityTooLarge
from werkzeug.wsgi import FileWrapper

import answers
import fields
import intake
import problems
import reads
import settings
import worker
from engine import Database, Unavailable
from manifest import InvalidCsv, open_manifest
from manifest.columns import column_names
from problems import Problem
from settings import Settings
from storage import (
    IMAGE_TYPES,
    IMMUTABLE,
    OUTPUT_CSV,
    Storage,
    StorageUnavailable,
    StoredFile,
    content_type,
    open_storage,
)
from tables import Status, shortened

FILE_FIELDS = ("file", "csv", "csv_file", "csvFile")
CSV_TYPES = ("text/csv", "application/csv")
PAGE, LARGEST_PAGE = 100, 1000  # images of one answer
POLL_SECONDS = "2"
SEND_BYTES = 64 * 1024  # of a file, at a time
IMAGE_NAME = re.compile(rf"\d+-\d+\.({'|'.join(IMAGE_TYPES)})", re.ASCII)

routes = Blueprint("routes", __name__)
ringing = threading.Lock()


@dataclass(frozen=True)
class Service:
    """What the routes work with."""

    settings: Settings
    database: Database
    storage: Storage
    recent: answers.Recent


def create_app(chosen: Settings | None = None) -> Flask:
    """The WSGI application; its settings are the environment's, unless given."""
    chosen = chosen or settings.load()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = chosen.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    db = Database(chosen.database_url, outlasts_power_cuts=True)
    db.prepare()
    app.extensions["service"] = Service(chosen, db, open_storage(chosen), answers.Recent())
    problems.register(app)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(Unavailable, _database_away)
    app.register_error_handler(StorageUnavailable, _storage_away)
    app.register_blueprint(routes)
    return app


def service() -> Service:
    found: Service = current_app.extensions["service"]
    return found


def _too_large(_: RequestEntityTooLarge) -> Response:
    most = service().settings.max_upload_bytes
    if (request.content_length or most) < most:
        return Problem(413, "field_too_large", "A field of the form is too large.").response()
    return Problem(
        413, "upload_too_large", f"The upload is larger than {most} bytes, the most that is taken."
    ).response()


def _database_away(error: Exception) -> Response:
    return _away("database", "The database does not answer just now. Please try again.", error)


def _storage_away(error: Exception) -> Response:
    sentence = "The storage of the files does not answer just now. Please try again."
    return _away("storage", sentence, error)


def _away(part: str, sentence: str, error: Exception) -> Response:
    current_app.logger.warning("the %s is away: %s", part, error)
    again = {"Retry-After": "5"}
    return Problem(503, f"{part}_unavailable", sentence, headers=again).response()


# --- taking a CSV in --------------------------------------------------------------------------


@routes.post("/upload")
def upload() -> tuple[Response, int, dict[str, str]]:
    my = service()
    file_name, content = _uploaded_csv()
    new = fields.new_request(file_name, request.values)
    with my.storage.keep_upload(new.public_id, content) as path:
        stored = _store(my, new, path)
    _ring(stored.images)
    status_url = f"/status/{new.public_id}"
    answer = {
        "request_id": str(new.public_id),
        "status": Status.PENDING,
        "status_url": my.settings.public_base_url + status_url,
        "rows": stored.rows,
        "images": stored.images,
    }
    return jsonify(answer), 202, {"Location": status_url}


def _store(my: Service, new: intake.NewRequest, upload: Path) -> intake.Stored:
    try:
        manifest = open_manifest(
            upload, url_columns=column_names(new.url_column), max_rows=my.settings.max_rows
        )
        return intake.store_request(my.database, new, manifest)
    except InvalidCsv:  # after any other error the rows may be there, and the file must be too
        my.storage.drop_upload(new.public_id)
        raise


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
    for name in FILE_FIELDS:
        if (file := request.files.get(name)) is not None and file.filename:
            base_name = PureWindowsPath(file.filename).name
            return shortened("".join(filter(str.isprintable, base_name)), 255), file.stream
    raise Problem(
        400,
        "missing_file",
        f"There is no file in the form: the field is {' or '.join(FILE_FIELDS)}.",
    )


def _ring(times: int) -> None:
    """Beside the answer: a Redis that accepts and says nothing would hold it up for seconds."""
    if ringing.acquire(blocking=False):
        threading.Thread(target=_ring_and_release, args=(times,), daemon=True).start()


def _ring_and_release(times: int) -> None:
    try:
        worker.ring(times)
    finally:
        ringing.release()


# --- watching a request -----------------------------------------------------------------------


@routes.get("/status/<request_id>")
def status(request_id: str) -> Response:
    my = service()
    asked = (_uuid(request_id), _after(), _limit())
    found = reads.find_request(my.database, asked[0])
    if found is None:
        raise Problem(404, "request_not_found", f"There is no request {asked[0]}.")
    body = my.recent.find(asked, found)
    if body is None:
        body = _status(found, *asked[1:])
        my.recent.keep(asked, found, body)
    answer = Response(body, mimetype="application/json")
    if found.status is not Status.COMPLETED:
        answer.headers["Retry-After"] = POLL_SECONDS
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _status(found: reads.Found, after: tuple[int, int], limit: int) -> bytes:
    my = service()
    base = my.settings.public_base_url
    page = reads.find_images(my.database, found.id, after=after, limit=limit)
    next_url = None
    if len(page) == limit:
        behind = {"limit": limit, "after": f"{page[-1].row}-{page[-1].position}"}
        next_url = f"{base}/status/{found.public_id}?{urlencode(behind)}"
    return jsonify(answers.status(base, found, page, _webhook(found), next_url)).get_data()


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Problem(
            400, "invalid_request_id", "A request id is a UUID, as POST /upload answers it."
        ) from None


def _limit() -> int:
    limit = fields.whole_number(request.args.get("limit", str(PAGE)), 1, LARGEST_PAGE)
    if limit is None:
        raise Problem(400, "invalid_limit", f"limit is a whole number from 1 to {LARGEST_PAGE}.")
    return limit


def _after() -> tuple[int, int]:
    parts = re.fullmatch(r"(\d{1,9})-(\d{1,9})", request.args.get("after", "0-0"), re.ASCII)
    if parts is None:
        raise Problem(400, "invalid_after", "after is what the link `next` gave, as in 100-1.")
    return int(parts[1]), int(parts[2])


def _webhook(found: reads.Found) -> dict[str, Any] | None:
    if found.webhook_url is None:
        return None
    webhook = reads.find_webhook(service().database, found.id)
    attempts = reads.find_attempts(service().database, webhook.id) if webhook else []
    return answers.webhook_of(found, webhook, attempts)


# --- files, health and the page ---------------------------------------------------------------


@routes.get("/processed_images/<request_id>/<name>")
def processed_image(request_id: str, name: str) -> Response:
    public_id = _uuid(request_id)
    image = IMAGE_NAME.fullmatch(name)
    if image is None and name != OUTPUT_CSV:
        raise Problem(404, "file_not_found", "There is no such file.")
    try:
        answer = _file(service().storage.open(public_id, name), content_type(name))
    except FileNotFoundError:
        raise Problem(404, "file_not_found", "There is no such file, or not yet.") from None
    # An image never changes; the output CSV is written anew when its images are tried again.
    answer.headers["Cache-Control"] = IMMUTABLE if image else "no-cache"
    if image is None:
        answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _file(stored: StoredFile, kind: str) -> Response:
    """A file, a range of it (RFC 9110, section 14), or 304 when the user has it already."""
    content = FileWrapper(stored.content, SEND_BYTES)
    answer = Response(content, content_type=kind, direct_passthrough=True)
    answer.content_length = stored.size
    answer.last_modified = stored.modified
    answer.set_etag(stored.etag)
    try:
        answer.make_conditional(request, accept_ranges=True, complete_length=stored.size)
    except RequestedRangeNotSatisfiable:
        stored.content.close()
        raise
    return answer


@routes.get("/healthz")
def healthz() -> Response:
    """Whether this process answers."""
    return jsonify(status="ok")


@routes.get("/readyz")
def readyz() -> Response:
    """Whether uploads can be taken: Redis is not needed, it only makes them start sooner."""
    reads.check(service().database)
    service().storage.check()
    redis = "ok" if worker.redis_answers() else "away: work waits until it is back"
    return jsonify(status="ok", database="ok", storage="ok", redis=redis)


@routes.get("/")
def page() -> str:
    return render_template("index.html")


@routes.after_app_request
def _harden(answer: Response) -> Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    return answer


# --- the server -------------------------------------------------------------------------------


class Server(BaseApplication):
    """gunicorn with this application; each of its processes makes its own."""

    def load_config(self) -> None:
        chosen = settings.load()
        options = {
            "bind": f"{chosen.host}:{chosen.port}",
            "workers": 2,
            "worker_class": "gthread",
            "threads": 8,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app()


if __name__ == "__main__":
    Database(settings.load().database_url).prepare()  # so that a wrong one is said once, and first
    open_storage(settings.load())
    Server().run()
