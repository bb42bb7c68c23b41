"""A line for each HTTP request: what was asked for, and what became of it.

It has no query and no header, because those can hold secrets.
"""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import ExitStack, suppress

from flask import Flask, Response, g, request

import logs
import metrics
from work_queue.api_keys import KEY

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Log the requests of ``app``; to be called before anything that may refuse one."""
    app.before_request(_begin)
    app.after_request(_log)
    app.teardown_request(_end)


def name_request(public_id: uuid.UUID) -> None:
    """From here on all lines of this HTTP request are about that upload, too."""
    if "log_fields" in g:
        g.log_fields["request_id"] = str(public_id)


def write(method: str, path: str, status: int, size: int | None, **more: object) -> None:
    """The line itself, also for what the server refuses by itself."""
    path = KEY.sub(r"img_\1_…", path)  # where it doesn't belong
    known = {"method": method, "path": path, "status": status, "bytes": size, **more}
    fields = {name: value for name, value in known.items() if value is not None}
    logger.info("http request", extra=fields)
    metrics.HTTP_REQUESTS.add(1, method if method in METHODS else "other", str(status))


def _begin() -> None:
    g.started, g.log_context = time.perf_counter(), ExitStack()
    g.log_fields = g.log_context.enter_context(logs.about())
    with suppress(KeyError, TypeError, ValueError):  # the route refuses what is no id
        name_request(uuid.UUID((request.view_args or {})["request_id"]))


def _log(response: Response) -> Response:
    seconds = time.perf_counter() - g.started
    metrics.HTTP_SECONDS.observe(seconds)
    write(
        request.method,
        request.path,
        response.status_code,
        response.calculate_content_length() if _is_made(response) else response.content_length,
        ms=round(1000 * seconds, 1),
        key=getattr(g, "key_prefix", None),
    )
    return response


def _is_made(response: Response) -> bool:
    """Whether the body is there, rather than sent from a file or made while it is sent."""
    return not (response.direct_passthrough or response.is_streamed)


def _end(_: BaseException | None) -> None:
    if "log_context" in g:
        g.log_context.close()
