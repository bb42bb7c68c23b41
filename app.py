"""The web application and its server.

python app.py
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from flask import Flask, Response, current_app, render_template, request
from gunicorn.app.base import BaseApplication
from werkzeug.exceptions import RequestEntityTooLarge

import migrations
import settings
import worker
from api import file_routes, health_routes, problems, status_routes, upload_routes
from api.problems import Problem
from api.response_cache import ResponseCache
from api.service import Service, install, service
from database import Database, Unavailable
from settings import Settings
from storage import StorageUnavailable, open_storage


def create_app(chosen: Settings | None = None) -> Flask:
    """The WSGI application; its settings are the environment's, unless given."""
    chosen = chosen or settings.load()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = chosen.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    install(app, _service(chosen))
    problems.register(app)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(Unavailable, _database_down)
    app.register_error_handler(StorageUnavailable, _storage_down)
    for routes in (upload_routes, status_routes, file_routes, health_routes):
        app.register_blueprint(routes.routes)
    app.add_url_rule("/", "page", lambda: render_template("index.html"))
    app.after_request(_harden)
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
        response_cache=ResponseCache(),
    )


def _too_large(_: RequestEntityTooLarge) -> Response:
    max_bytes = service().settings.max_upload_bytes
    if (request.content_length or max_bytes) < max_bytes:
        return Problem(413, "field_too_large", "A field of the form is too large.").response()
    sentence = f"The upload is larger than {max_bytes} bytes, the most that is taken."
    return Problem(413, "upload_too_large", sentence).response()


def _database_down(_: Exception) -> Response:
    return _down("database", "The database does not answer just now. Please try again.")


def _storage_down(error: Exception) -> Response:
    sentence = "The storage of the files does not answer just now. Please try again."
    current_app.logger.warning("the storage does not answer: %s", error)
    return _down("storage", sentence)


def _down(part: str, sentence: str) -> Response:
    """A 503; why is in the log."""
    retry = {"Retry-After": "5"}
    return Problem(503, f"{part}_unavailable", sentence, headers=retry).response()


def _harden(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    return response


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
    with closing(Database(settings.load().database_url)) as db:
        migrations.prepare(db)  # here, so that a wrong one is said once
    open_storage(settings.load())
    Server().run()
