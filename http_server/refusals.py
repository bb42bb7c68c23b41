"""Errors that the server answers by itself, as problems: the application never sees the request."""

from __future__ import annotations

from typing import Any

from waitress import utilities
from waitress.task import ErrorTask

from api import access_log
from api.problems import Problem, upload_too_large

MALFORMED = Problem(400, "malformed_request", "This is not a request as HTTP/1.1 defines it.")
TOO_SLOW = Problem(408, "request_timeout", "The request came too slowly; nothing was stored.")
HEADERS_TOO_LARGE = Problem(431, "headers_too_large", "The request's headers are too large.")
UNEXPECTED = Problem(500, "internal_error", "Something went wrong here; it was logged.")


class ProblemTask(ErrorTask):
    """Writes the response to a request with an error: a Problem of ours, or one of waitress."""

    def execute(self) -> None:
        response = self._problem().response()
        self.status = response.status
        self.response_headers.extend(response.headers)
        self.set_close_on_finish()
        self.write(response.get_data())
        asked, body = self.request, response.get_data()
        access_log.write(asked.command, asked.path, response.status_code, len(body))

    def _problem(self) -> Problem:
        error: Any = self.request.error
        match error:
            case Problem():
                return error
            case utilities.RequestEntityTooLarge():
                return upload_too_large(self.channel.adj.max_request_body_size - 1)
            case utilities.RequestHeaderFieldsTooLarge():
                return HEADERS_TOO_LARGE
            case utilities.InternalServerError():
                return UNEXPECTED
            case _:
                return MALFORMED
