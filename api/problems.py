"""Every error leaves as a problem: RFC 9457, ``application/problem+json``."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from manifest import CsvProblem, InvalidCsv

logger = logging.getLogger(__name__)

CSV_STATUSES = {  # the others are 422
    "not_a_csv": 415,
    "too_many_rows": 413,
    "too_many_images": 413,
    "workbook_too_large": 413,
}
CODES = {416: "range_not_satisfiable"}  # the phrase is another from one Python to the next


class Problem(Exception):
    """A response that is an error.

    ``code`` is stable, for programs; ``detail`` is a sentence, for people. ``headers`` and the
    extension members in ``extra`` (RFC 9457, section 3.2) go out with it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The members of the response; its type is a URN, as there is no page to link to."""
        return {
            "type": f"urn:problem-type:{self.code}",
            "title": self.status.phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }

    def response(self) -> Response:
        return Response(
            json.dumps(self.body(), ensure_ascii=False).encode("utf-8", "replace"),
            status=int(self.status),
            headers=self.headers,
            content_type="application/problem+json",
        )


INCOMPLETE_UPLOAD = Problem(
    400, "incomplete_upload", "The body ended before all of it was sent; nothing was stored."
)


UNSUPPORTED_UPLOAD = Problem(
    415,
    "unsupported_media_type",
    "Send the CSV as the field `file` of a multipart form (curl -F file=@products.csv), or as the "
    "whole body with the type text/csv, or that of a workbook (XLSX); JSON has a list of images or "
    "products.",
)


def upload_too_large(max_bytes: int) -> Problem:
    sentence = f"The upload is larger than {max_bytes} bytes, the most that is taken."
    return Problem(413, "upload_too_large", sentence)


def of_csv(error: InvalidCsv) -> Problem:
    """An upload that was refused; the member ``errors`` lists its problems with their places."""
    more: dict[str, Any] = {}
    if error.columns_known is not None:
        more = {"columns_found": error.columns_found, "columns_known": error.columns_known}
    if error.sheets:
        more["sheets"] = error.sheets
    listed = [of_csv_problem(problem) for problem in error.problems]
    status = CSV_STATUSES.get(error.code, 422)
    return Problem(status, error.code, str(error), errors=listed, **more)


def of_csv_problem(problem: CsvProblem) -> dict[str, Any]:
    """One entry of ``errors``; it has a ``hint`` only where an option would help."""
    members = asdict(problem)
    if problem.hint is None:
        del members["hint"]
    return members


def register(app: Flask) -> None:
    """Make every error of ``app`` a problem: ours, Werkzeug's, and bugs."""
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(InvalidCsv, lambda error: of_csv(error).response())
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _unexpected)


def _from_werkzeug(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    kept = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
    code = CODES.get(status) or status.phrase.lower().replace(" ", "_").replace("-", "_")
    return Problem(status, code, error.description or status.description, headers=kept).response()


def _unexpected(error: Exception) -> Response:
    asked = {"method": request.method, "path": request.path}
    logger.error("unexpected error", exc_info=error, extra=asked)
    return Problem(500, "internal_error", "Something went wrong here; it was logged.").response()
