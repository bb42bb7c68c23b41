"""Rows of the database as the JSON of ``GET /status/<request_id>``."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

import reads
from reads import Found
from storage import OUTPUT_CSV, image_url
from tables import Status

RECENT_SECONDS = 1.0
MOST_RECENT, MOST_BYTES = 16, 500_000  # answers, and bytes of one that is worth keeping

FIGURES = ("width", "height", "format", "method", "quality", "scale", "encodes", "target_met")


class Recent:
    """Answers of the last second, given again while the counters of their request stand still.

    So it costs one row to ask without a pause, and not a hundred; who asks every two seconds gets
    a new one each time. Safe to share among threads.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any, bytes]] = {}
        self._lock = threading.Lock()

    def find(self, asked: Hashable, request: Found) -> bytes | None:
        """The body of the same answer, if it still holds."""
        made_at, state, body = self._kept.get(asked, (-RECENT_SECONDS, None, b""))
        is_recent = time.monotonic() - made_at < RECENT_SECONDS
        return body if is_recent and state == _state(request) else None

    def keep(self, asked: Hashable, request: Found, body: bytes) -> None:
        if len(body) > MOST_BYTES:
            return
        with self._lock:
            self._kept.pop(asked, None)
            self._kept[asked] = (time.monotonic(), _state(request), body)
            if len(self._kept) > MOST_RECENT:
                del self._kept[next(iter(self._kept))]


def _state(request: Found) -> tuple[Any, ...]:
    return request.status, request.completed, request.failed, request.completed_at


def status(
    base: str,
    request: Found,
    images: Sequence[Found],
    webhook: dict[str, Any] | None,
    next_url: str | None,
) -> dict[str, Any]:
    """The whole answer; ``base`` is the public URL of the service."""
    is_completed = request.status is Status.COMPLETED
    folder_url = image_url(base, request.public_id, "").rstrip("/")
    return {
        "request_id": str(request.public_id),
        "status": request.status,
        "progress": reads.progress(request),
        "bytes_in": request.bytes_in,
        "bytes_out": request.bytes_out,
        "saved_percent": _saved_percent(request.bytes_in, request.bytes_out),
        "file_name": request.file_name,
        "options": {
            name: getattr(request, name)
            for name in ("reduce_by", "format", "max_width", "max_height")
        },
        "created_at": _time(request.created_at),
        "completed_at": _time(request.completed_at),
        "output_csv_url": image_url(base, request.public_id, OUTPUT_CSV) if is_completed else None,
        "webhook": webhook,
        "images": [image_of(folder_url, image) for image in images],
        "next": next_url,
    }


def image_of(folder_url: str, image: Found) -> dict[str, Any]:
    """One entry of ``images``; a poll makes a hundred, so it takes the columns by their places."""
    row, position, serial_number, product_name, input_url, output_name, *rest = image
    status, attempts, error_code, error_message, input_bytes, output_bytes, *figures = rest
    return {
        "row": row,
        "position": position,
        "serial_number": serial_number,
        "product_name": product_name,
        "input_url": input_url,
        "output_url": f"{folder_url}/{output_name}" if output_name else None,
        "status": status,
        "attempts": attempts,
        "error": _error(error_code, error_message),
        "input_bytes": input_bytes,
        "output_bytes": output_bytes,
        "ratio": _ratio(input_bytes, output_bytes),
        **dict(zip(FIGURES, figures, strict=True)),
    }


def webhook_of(request: Found, webhook: Found | None, attempts: Sequence[Found]) -> dict[str, Any]:
    """How the notification goes; before the request is completed it is only promised."""
    return {
        "url": request.webhook_url,
        "status": Status.PENDING if webhook is None else webhook.status,
        "next_attempt_at": (
            _time(webhook.next_attempt_at)
            if webhook is not None and webhook.status is Status.PENDING
            else None
        ),
        "attempts": [
            {
                "at": _time(attempt.attempted_at),
                "status_code": attempt.status_code,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
            }
            for attempt in attempts
        ],
    }


def _error(code: str | None, message: str | None) -> dict[str, str | None] | None:
    return None if code is None else {"code": code, "message": message}


def _ratio(bytes_in: int | None, bytes_out: int | None) -> float | None:
    return round(bytes_out / bytes_in, 4) if bytes_in and bytes_out is not None else None


def _saved_percent(bytes_in: int, bytes_out: int) -> float | None:
    return round(100 * (1 - bytes_out / bytes_in), 1) if bytes_in else None


def _time(moment: datetime | None) -> str | None:
    """RFC 3339 with milliseconds."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
