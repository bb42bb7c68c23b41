"""The web application and its server.

python app.py
"""

from __future__ import annotations

import gzip
import logging
import os
from contextlib import closing

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

import http_server
import logs
import migrations
import settings
import worker
from api import (
    access_log,
    authentication,
    callers,
    cross_origin,
    docs_routes,
    file_routes,
    health_routes,
    import_check_routes,
    made_file_routes,
    metrics_routes,
    operator_routes,
    problems,
    rate_limits,
    request_routes,
    session_routes,
    source_table,
    status_routes,
    upload_routes,
    webhook_routes,
)
from api.known_keys import KnownKeys
from api.problems import Problem, upload_too_large
from api.rate_counters import Counters
from api.response_cache import ResponseCache
from api.service import Service, install, service
from database import Database, Unavailable
from outbound import BlockedHosts, HttpClient
from settings import Settings
from shops import SHOPS
from storage import StorageFull, StorageUnavailable, check_folders, open_storage

logger = logging.getLogger(__name__)

CONTENT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; "
    "frame-ancestors 'none'"
)
PACKED = {"text/html", "text/css", "text/csv", "text/javascript", "application/javascript"}
HARDENING = {  # of every response
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(chosen: Settings | None = None) -> Flask:
    """The WSGI application; its settings are the environment's, unless given."""
    chosen = chosen or settings.load()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = chosen.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False  # /requests/ is /requests
    app.url_map.merge_slashes = False  # but //requests is nothing, and no redirect to it
    install(app, _service(chosen))
    problems.register(app)
    access_log.register(app)
    for check in (
        callers.check_host,
        cross_origin.answer_preflight,
        callers.check_page,
        authentication.identify,
        rate_limits.check,
        _expect_the_whole_body,
    ):
        app.before_request(check)
    app.register_error_handler(ClientDisconnected, _incomplete)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(Unavailable, _database_down)
    app.register_error_handler(StorageUnavailable, _storage_down)
    for routes in (
        upload_routes,
        status_routes,
        request_routes,
        import_check_routes,
        webhook_routes,
        session_routes,
        file_routes,
        made_file_routes,
        health_routes,
        docs_routes,
        metrics_routes,
        operator_routes,
    ):
        app.register_blueprint(routes.routes)
    app.add_url_rule("/", "page", _page)
    for finish in (rate_limits.tell, authentication.audit, _harden, cross_origin.allow, _pack):
        app.after_request(finish)
    return app


def _service(chosen: Settings) -> Service:
    db = Database(chosen.database_url, outlasts_power_cuts=True)
    migrations.prepare(db)
    return Service(
        settings=chosen,
        database=db,
        storage=open_storage(chosen),
        wake_workers=worker.wake_workers,
        redis_answers=worker.redis_answers,
        has_live_worker=worker.has_live_worker,
        response_cache=ResponseCache(),
        known_keys=KnownKeys(db),
        rate_counters=Counters(chosen.redis_py_url),
        client=HttpClient(
            allowed_ports=chosen.allowed_ports,
            allowed_private_hosts=chosen.allowed_private_hosts,
            blocked_hosts=BlockedHosts.of(chosen.blocked_hosts),
            contact_url=chosen.contact_url,
            connections=webhook_routes.MAX_AT_ONCE + source_table.MAX_AT_ONCE,
            accept=source_table.ACCEPT,
        ),
    )


def _page() -> Response:
    """It compares each image with its original, which the browser loads from where that is."""
    response = Response(render_template("index.html", shops=SHOPS), mimetype="text/html")
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; img-src 'self' http: https:"
    return response


def _pack(response: Response) -> Response:
    """The page and its files with gzip: their text is public, so a packed size tells no secret."""
    if request.endpoint not in ("page", "static"):
        return response
    response.vary.add("Accept-Encoding")
    is_packed = response.status_code == 200 and response.mimetype in PACKED
    if is_packed and request.accept_encodings["gzip"]:
        response.direct_passthrough = False
        response.set_data(gzip.compress(response.get_data(), compresslevel=6, mtime=0))
        response.content_encoding = "gzip"
        if etag := response.get_etag()[0]:
            response.set_etag(etag, weak=True)  # the same text, but not the same bytes
    return response


def _expect_the_whole_body() -> None:
    """Let Werkzeug count: it trusts a server that says where a body ends, and not all can tell."""
    if request.content_length is not None:
        request.environ.pop("wsgi.input_terminated", None)


def _incomplete(_: ClientDisconnected) -> Response:
    return problems.INCOMPLETE_UPLOAD.response()


def _too_large(_: RequestEntityTooLarge) -> Response:
    max_bytes = service().settings.max_upload_bytes
    if (request.content_length or max_bytes) < max_bytes:
        return Problem(413, "field_too_large", "A field of the form is too large.").response()
    return upload_too_large(max_bytes).response()


def _database_down(_: Exception) -> Response:
    return _down("database", "The database does not answer just now. Please try again.")


def _storage_down(error: Exception) -> Response:
    logger.warning("the storage does not answer: %s", error)
    if isinstance(error, StorageFull):
        sentence = "The disk of the service is almost full: an upload is taken when there is room."
        return Problem(503, "storage_full", sentence, headers={"Retry-After": "300"}).response()
    sentence = "The storage of the files does not answer just now. Please try again."
    return _down("storage", sentence)


def _down(part: str, sentence: str) -> Response:
    """A 503; why is in the log."""
    retry = {"Retry-After": "5"}
    return Problem(503, f"{part}_unavailable", sentence, headers=retry).response()


def _harden(response: Response) -> Response:
    for name, value in HARDENING.items():
        response.headers.setdefault(name, value)
    return response


def _where(chosen: Settings) -> str:
    """Where the API listens, and who may call."""
    listens = f"The API listens on {chosen.host}, port {chosen.port}"
    if not authentication.is_open(chosen):
        return f"{listens}; callers need an API key (`make key NAME=…` makes one)."
    if authentication.is_local(chosen):
        return f"{listens}; programs of this machine need no API key."
    return f"{listens}; OPEN=1: whoever reaches it may upload, and change what they know the id of."


def main() -> None:
    os.umask(settings.PRIVATE)
    chosen = settings.load()
    logs.set_up(chosen.log_format)
    with closing(Database(chosen.database_url)) as db:
        migrations.prepare(db)  # here, so that a wrong one is said once
    open_storage(chosen)
    check_folders(chosen)
    listener = http_server.listen(chosen.host, chosen.port)
    for name, meant in settings.misspelt_here():
        logger.warning("%s is no setting; did you mean %s?", name, meant)
    logger.info("%s", _where(chosen))
    http_server.serve(create_app, listener, chosen.max_upload_bytes)


if __name__ == "__main__":
    main()
